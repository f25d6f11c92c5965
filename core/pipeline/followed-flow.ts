/** One flow of one window on its way through a pipeline: which values it was given by whom, and what became of it. */

import type { Processor } from '../component/define.ts';
import { attributes } from '../table/attributes.ts';
import type { AttributeValue } from '../table/dictionary.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { pointOfRow, pointText } from '../table/point-of-row.ts';
import { valueAt } from '../table/row-verdicts.ts';

/** A processor on the way; `values` are those that it changed. */
export interface Step {
  readonly processor: string;
  /** Why the flow passes, where it was not changed. */
  readonly reason: string | undefined;
  readonly values: readonly {
    readonly attribute: string;
    /** Undefined: it took the value away. */
    readonly value: AttributeValue | undefined;
    readonly source: string | undefined;
  }[];
}

/** A point that the flow was added to, and the processor of metrics that did not let it through, if one did not. */
export interface SeriesFate {
  readonly series: string;
  readonly taken?: { readonly processor: string; readonly reason: string | undefined };
}

export type Fate =
  | { readonly kind: 'dropped'; readonly processor: string; readonly reason: string | undefined }
  /** It waits there, for a name perhaps. */
  | { readonly kind: 'held'; readonly processor: string }
  | { readonly kind: 'kept'; readonly series: readonly SeriesFate[] };

/** A processor that metric tables went through. */
export interface MetricStage {
  readonly processor: string;
  readonly explain: Processor['explain'];
  readonly before: readonly MetricTable[];
  readonly after: readonly MetricTable[];
}

export interface FollowedFlow {
  readonly receiver: string;
  readonly pipeline: string;
  /** As the receiver handed it over, by names of the catalogue. */
  readonly given: ReadonlyMap<string, AttributeValue>;
  readonly steps: Step[];
  /** Where it was last. */
  table: FlowTable;
  row: number;
  /** Undefined: on its way. */
  fate: Fate | undefined;
}

/** What a row has, in the order of the catalogue. */
export function valuesOfRow(table: FlowTable, row: number): ReadonlyMap<string, AttributeValue> {
  return new Map(
    attributes.flatMap(({ name }): [string, AttributeValue][] => {
      const value = valueAt(table.columns.get(name), row);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The flow came out of a processor, as that row of that table. */
export function pass(
  flow: FollowedFlow,
  id: string,
  explain: Processor['explain'],
  table: FlowTable,
  row: number,
): void {
  const values = [...new Set([...flow.table.columns.keys(), ...table.columns.keys()])].flatMap((attribute) => {
    const value = valueAt(table.columns.get(attribute), row);
    if (value === valueAt(flow.table.columns.get(attribute), flow.row)) return [];
    const source = value === undefined ? undefined : explain?.source?.(flow.table, flow.row, attribute);
    return [{ attribute, value, source }];
  });
  const reason = values.length > 0 ? undefined : explain?.reason?.(flow.table, flow.row);
  flow.steps.push({ processor: id, values, reason });
  flow.table = table;
  flow.row = row;
}

/** The points that the flow is in, and how far each came. */
export function measure(
  { table: flows, row }: FollowedFlow,
  made: readonly MetricTable[],
  stages: readonly MetricStage[],
): Fate {
  const pointIn = (tables: readonly MetricTable[], metric: MetricTable['metric']) => {
    for (const table of tables) {
      const point = table.metric === metric ? pointOfRow(table, flows, row) : undefined;
      if (point !== undefined) return { table, point };
    }
    return undefined;
  };
  const series = made.flatMap((table): SeriesFate[] => {
    const point = pointOfRow(table, flows, row);
    if (point === undefined) return [];
    const text = pointText(table, point);
    for (const { processor, explain, before, after } of stages) {
      const found = pointIn(before, table.metric);
      if (found === undefined || pointIn(after, table.metric) !== undefined) continue;
      return [{ series: text, taken: { processor, reason: explain?.reason?.(found.table, found.point) } }];
    }
    return [{ series: text }];
  });
  return { kind: 'kept', series };
}
