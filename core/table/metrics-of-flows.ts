/**
 * Makes metrics of flows: groups the rows of a table by the attributes chosen for each metric and adds them up. Sums are
 * exact: what the rows hold is what the points hold.
 */

import { attributes } from './attributes.ts';
import type { FlowTable, NamingPreset } from './flow-table.ts';
import { groupBy } from './group-by.ts';
import type { MetricTable } from './metric-table.ts';
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

/**
 * One a processor or pipeline: it keeps the series indexes over the windows, so that ids stay the same. Metrics with
 * the same attributes share one index and one group-by.
 */
export function createMetricsOfFlows(): (
  table: FlowTable,
  selections: readonly MetricSelection[],
) => readonly MetricTable[] {
  const indexesOfSender = new WeakMap<Resource, Map<string, SeriesIndex>>();

  /** Senders have dictionaries of their own: with one index for all, each would replace that of the one before. */
  function indexesOf(sender: Resource): Map<string, SeriesIndex> {
    const known = indexesOfSender.get(sender);
    if (known !== undefined) return known;
    const indexes = new Map<string, SeriesIndex>();
    indexesOfSender.set(sender, indexes);
    return indexes;
  }

  function indexOf(indexes: Map<string, SeriesIndex>, key: string, columns: readonly NamedColumn[]): SeriesIndex {
    const kept = indexes.get(key);
    if (kept?.columns.every(({ dictionary }, c) => dictionary === columns[c]!.column.dictionary)) return kept;
    const index = new SeriesIndex(columns.map(({ name, column }) => ({ name, dictionary: column.dictionary })));
    indexes.set(key, index);
    return index;
  }

  function group(table: FlowTable, preset: NamingPreset, columns: readonly NamedColumn[], metrics: FlowMetric[]) {
    const key = JSON.stringify([metrics[0]?.where, preset, ...columns.map(({ name }) => name)]);
    const indexes = indexesOf(table.resource);
    const index = indexOf(indexes, key, columns);
    const { ids, sums } = groupBy({
      index,
      columns: columns.map(({ column }) => column),
      rows: table.rows,
      measures: metrics.map(({ measure }) => table.measures[measure]),
    });
    if (index.size > MAX_IDLE_SERIES && index.size > MAX_IDLE_RATIO * ids.length) indexes.delete(key);
    return metrics.flatMap(({ descriptors }, m): MetricTable[] => {
      const metric = descriptors[preset];
      if (metric === null) return [];
      return [
        {
          kind: 'metric',
          metric,
          temporality: 'delta',
          resource: table.resource,
          scope: table.scope,
          series: index,
          ids,
          values: sums[m]!,
          endNs: table.window.endNs,
          starts: [table.window.startNs],
        },
      ];
    });
  }

  /** Of metrics that are made of the same rows. */
  function metricsOf(table: FlowTable, selections: readonly MetricSelection[]): readonly MetricTable[] {
    return table.metricNames.flatMap((preset) => {
      const named = selections.filter(({ metric }) => metric.descriptors[preset] !== null);
      const shared = Map.groupBy(named, ({ attributes }) => attributes.join());
      return [...shared.values()].flatMap((same) => {
        const columns = namedColumns(table, same[0]!.attributes, preset);
        const metrics = same.map(({ metric }) => metric);
        return group(table, preset, columns, metrics);
      });
    });
  }

  return (table, selections) =>
    [...Map.groupBy(selections, ({ metric }) => metric.where)].flatMap(([where, some]) => {
      const rows = where === undefined ? table : selectRows(table, rowsWhere(table, where));
      return rows.rows === 0 ? [] : metricsOf(rows, some);
    });
}
