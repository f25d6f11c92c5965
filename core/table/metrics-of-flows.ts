/**
 * Makes metrics of flows: groups the rows of a table by the attributes chosen for each metric and adds them up. Sums are
 * exact: what the rows hold is what the points hold.
 */

import { attributes } from './attributes.ts';
import type { FlowTable, NamingPreset } from './flow-table.ts';
import { createGroupBy, type GroupBy, type Groups } from './group-by.ts';
import type { MetricDescriptor, MetricTable } from './metric-table.ts';
import type { FlowMetric } from './metrics.ts';
import { type NamedColumn, namedColumns } from './preset-columns.ts';
import type { Resource } from './resource.ts';
import { rowsWhere, selectRows } from './select-rows.ts';
import { SeriesIndex } from './series-index.ts';

/** An index beyond this size is replaced when it holds this many times the series of the last window. */
export const MAX_IDLE_SERIES = 1 << 16;
export const MAX_IDLE_RATIO = 8;

export interface MetricSelection {
  readonly metric: FlowMetric;
  /** Names of the catalogue, in its order; what the table does not have is left out. */
  readonly attributes: readonly string[];
}

/** The attributes of the catalogue that the rows have, each under one name, in its order. */
export function allAttributes(table: FlowTable): readonly string[] {
  return attributes.filter(({ name }) => table.columns.has(name)).map(({ name }) => name);
}

/** The series of the metrics that have the same attributes under one preset, over the windows of one sender. */
interface Grouping {
  readonly index: SeriesIndex;
  readonly groupBy: GroupBy;
}

/** A metric under a preset, and the place of its table among those that are made. */
interface Wanted {
  readonly metric: FlowMetric;
  readonly descriptor: MetricDescriptor;
  readonly preset: NamingPreset;
  readonly attributes: readonly string[];
  readonly place: number;
}

/**
 * One a processor or pipeline: it keeps the series indexes over the windows, so that ids stay the same. Metrics with
 * the same attributes share one index and one group-by, also where one is made of some of the rows of the other.
 */
export function createMetricsOfFlows(): (
  table: FlowTable,
  selections: readonly MetricSelection[],
) => readonly MetricTable[] {
  const groupingsOfSender = new WeakMap<Resource, Map<string, Grouping>>();

  /** Senders have dictionaries of their own: with one index for all, each would replace that of the one before. */
  function groupingsOf(sender: Resource): Map<string, Grouping> {
    const known = groupingsOfSender.get(sender);
    if (known !== undefined) return known;
    const groupings = new Map<string, Grouping>();
    groupingsOfSender.set(sender, groupings);
    return groupings;
  }

  function groupingOf(groupings: Map<string, Grouping>, key: string, columns: readonly NamedColumn[]): Grouping {
    const kept = groupings.get(key);
    if (kept?.index.columns.every(({ dictionary }, c) => dictionary === columns[c]!.column.dictionary)) return kept;
    const index = new SeriesIndex(columns.map(({ name, column }) => ({ name, dictionary: column.dictionary })));
    const made = { index, groupBy: createGroupBy(index) };
    groupings.set(key, made);
    return made;
  }

  /** Of metrics with the same attributes under one preset. `keyed`: what else tells their series from others. */
  function group(table: FlowTable, wanted: readonly Wanted[], keyed: string | null): readonly Placed[] {
    const { preset, attributes } = wanted[0]!;
    const columns = namedColumns(table, attributes, preset);
    const groupings = groupingsOf(table.resource);
    const key = JSON.stringify([keyed, preset, ...columns.map(({ name }) => name)]);
    const { index, groupBy } = groupingOf(groupings, key, columns);
    const byRows = [...Map.groupBy(wanted, ({ metric }) => (metric.where === keyed ? undefined : metric.where))];
    const groups = groupBy({
      columns: columns.map(({ column }) => column),
      rows: table.rows,
      parts: byRows.map(([where, some]) => ({
        ...(where === undefined ? {} : { places: rowsWhere(table, where) }),
        measures: some.map(({ metric }) => table.measures[metric.measure]),
      })),
    });
    const series = Math.max(...groups.map(({ ids }) => ids.length));
    if (index.size > MAX_IDLE_SERIES && index.size > MAX_IDLE_RATIO * series) groupings.delete(key);
    return byRows.flatMap(([, some], part) => placedTables(table, index, some, groups[part]!));
  }

  return (table, selections) => {
    if (table.rows === 0) return [];
    const shared = Map.groupBy(wantedOf(table, selections), ({ preset, attributes }) => `${preset} ${attributes}`);
    const made = [...shared.values()].flatMap((same) => {
      if (same.some(({ metric }) => metric.where === undefined)) return group(table, same, null);
      // No metric is made of the other rows: they must not make series.
      return [...Map.groupBy(same, ({ metric }) => metric.where!)].flatMap(([where, some]) => {
        const places = rowsWhere(table, where);
        return places.length === 0 ? [] : group(selectRows(table, places), some, where);
      });
    });
    return made.toSorted((a, b) => a.place - b.place).map(({ made: one }) => one);
  };
}

interface Placed {
  readonly place: number;
  readonly made: MetricTable;
}

/** What leaves of a table, in this order: metrics that are made of the same rows stand together, under each preset. */
function wantedOf({ metricNames }: FlowTable, selections: readonly MetricSelection[]): readonly Wanted[] {
  return [...Map.groupBy(selections, ({ metric }) => metric.where).values()]
    .flatMap((some) => metricNames.flatMap((preset) => some.map((selection) => ({ preset, ...selection }))))
    .flatMap(({ preset, metric, attributes }, place) => {
      const descriptor = metric.descriptors[preset];
      return descriptor === null ? [] : [{ preset, metric, attributes, descriptor, place }];
    });
}

/** No table of no points. */
function placedTables(
  { resource, scope, window }: FlowTable,
  series: SeriesIndex,
  wanted: readonly Wanted[],
  { ids, sums }: Groups,
): readonly Placed[] {
  if (ids.length === 0) return [];
  return wanted.map(({ descriptor, place }, m) => ({
    place,
    made: {
      kind: 'metric',
      metric: descriptor,
      temporality: 'delta',
      resource,
      scope,
      series,
      ids,
      values: sums[m]!,
      endNs: window.endNs,
      starts: [window.startNs],
    },
  }));
}
