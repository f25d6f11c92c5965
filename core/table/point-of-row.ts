/** From a row of flows to the point of a metric that it was added to: for `weir explain`, one row at a time. */

import { attributeNamed, columnOf } from './attributes.ts';
import type { AttributeValue } from './dictionary.ts';
import type { FlowTable } from './flow-table.ts';
import type { MetricTable } from './metric-table.ts';
import { flowMetrics } from './metrics.ts';
import { valueAt } from './row-verdicts.ts';

const whereOf = new Map(
  flowMetrics.flatMap(({ descriptors, where }) => Object.values(descriptors).map((descriptor) => [descriptor, where])),
);

/** The value that a row has for an attribute under the name by which it leaves. */
function valueUnder(flows: FlowTable, row: number, name: string): AttributeValue | undefined {
  return valueAt(columnOf(flows, attributeNamed(name)?.name ?? name), row);
}

/** Place of the point; undefined when the row has none in this table. */
export function pointOfRow({ resource, metric, series, ids }: MetricTable, flows: FlowTable, row: number) {
  const where = whereOf.get(metric);
  if (resource !== flows.resource) return undefined;
  if (where !== undefined && valueAt(flows.columns.get(where), row) !== true) return undefined;
  const wanted = series.columns.map(({ name }) => valueUnder(flows, row, name));
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
