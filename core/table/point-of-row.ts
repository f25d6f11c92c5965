/** From a row of flows to the point of a metric that it was added to: for `weir explain`, one row at a time. */

import { attributeNamed } from './attributes.ts';
import type { FlowTable, NamingPreset } from './flow-table.ts';
import type { MetricTable } from './metric-table.ts';
import { flowMetrics } from './metrics.ts';
import { namedColumns } from './preset-columns.ts';
import { valueAt } from './row-verdicts.ts';

const presets = ['beyla', 'obi', 'otel'] as const;

const known = new Map(
  flowMetrics.flatMap(({ descriptors, where }) =>
    presets.flatMap((preset) => {
      const descriptor = descriptors[preset];
      return descriptor === null ? [] : [[descriptor, { preset, where }] as const];
    }),
  ),
);

/** The values of a row under the names by which they leave. */
function namedValues(flows: FlowTable, row: number, names: readonly string[], preset: NamingPreset) {
  const selected = names.flatMap((name) => attributeNamed(name)?.name ?? []);
  const columns = namedColumns(flows, selected, preset).map(({ name, column }) => [name, column] as const);
  const byName = new Map(columns);
  return names.map((name) => valueAt(byName.get(name), row));
}

/** Place of the point; undefined when the row has none in this table. */
export function pointOfRow({ resource, metric, series, ids }: MetricTable, flows: FlowTable, row: number) {
  const { preset, where } = known.get(metric) ?? {};
  if (resource !== flows.resource || preset === undefined) return undefined;
  if (where !== undefined && valueAt(flows.columns.get(where), row) !== true) return undefined;
  const names = series.columns.map(({ name }) => name);
  const wanted = namedValues(flows, row, names, preset);
  const point = ids.findIndex((id) =>
    series.columns.every(({ dictionary, codes }, column) => dictionary.at(codes[id]!) === wanted[column]),
  );
  return point < 0 ? undefined : point;
}

/** `name{key=value,...}` of a point. */
export function pointText({ metric, series, ids }: MetricTable, point: number): string {
  const pairs = series.columns.flatMap(({ name, dictionary, codes }) => {
    const value = dictionary.at(codes[ids[point]!]!);
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return `${metric.name}{${pairs.join(',')}}`;
}
