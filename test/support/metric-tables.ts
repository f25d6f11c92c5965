/** Small metric tables from plain rows, for tests of what consumes them. */

import { ABSENT, type AttributeValue, listDictionary } from '../../core/table/dictionary.ts';
import type { MetricDescriptor, MetricTable } from '../../core/table/metric-table.ts';
import type { Resource, Scope } from '../../core/table/resource.ts';
import { SeriesIndex } from '../../core/table/series-index.ts';

export const flowBytes: MetricDescriptor = {
  name: 'beyla.network.flow.bytes',
  description: 'Bytes between two endpoints.',
  unit: 'By',
};

export const agent: Resource = { attributes: { 'service.name': 'weir', 'host.name': 'node-1' } };
export const scope: Scope = { name: 'weir', version: '0.1.0' };

export interface Row {
  /** Names may differ from row to row: a name that a row lacks is absent. */
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly value: number;
  /** Index into `starts`. */
  readonly start?: number;
}

export function tableOf(rows: readonly Row[], overrides: Partial<MetricTable> = {}): MetricTable {
  const { series, ids } = seriesOf(rows.map((row) => row.attributes));
  return {
    kind: 'metric',
    metric: flowBytes,
    temporality: 'delta',
    resource: agent,
    scope,
    series,
    ids,
    values: Float64Array.from(rows, (row) => row.value),
    endNs: 1_700_000_005_000_000_000n,
    starts: [1_700_000_000_000_000_000n],
    ...(rows.some((row) => row.start !== undefined)
      ? { startCodes: Uint32Array.from(rows, (row) => row.start ?? 0) }
      : {}),
    ...overrides,
  };
}

/** A delta table of any number of series, each with the name of its number and the value 1. */
export function numberedSeries(count: number, overrides: Partial<MetricTable> = {}): MetricTable {
  const names = Array.from({ length: count }, (_, i) => `a-long-name-of-a-pod-${i}`);
  const series = new SeriesIndex([{ name: 'src.name', dictionary: listDictionary(names) }]);
  const ids = Uint32Array.from(names, (_, code) => series.intern([code]));
  return tableOf([], { series, ids, values: new Float64Array(count).fill(1), ...overrides });
}

function seriesOf(rows: readonly Row['attributes'][]): { series: SeriesIndex; ids: Uint32Array } {
  const names = [...new Set(rows.flatMap((attributes) => Object.keys(attributes)))];
  const columns = names.map((name) => {
    const values = [...new Set(rows.flatMap((attributes) => attributes[name] ?? []))];
    return { name, values, dictionary: listDictionary(values) };
  });
  const series = new SeriesIndex(columns);
  const ids = Uint32Array.from(rows, (attributes) =>
    series.intern(
      columns.map(({ name, values }) => {
        const value = attributes[name];
        return value === undefined ? ABSENT : values.indexOf(value);
      }),
    ),
  );
  return { series, ids };
}
