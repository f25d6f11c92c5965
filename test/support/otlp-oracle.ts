/** The same tables written by @opentelemetry/otlp-transformer: what our own encoder is compared with, in bytes and time. */

import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { MetricTable } from '../../core/table/metric-table.ts';

/** Values of enumerations in @opentelemetry/sdk-metrics, which is present only as a dependency of the transformer. */
const SUM_POINTS = 3;
const DELTA = 0;
const CUMULATIVE = 1;

/** What the transformer's serializer takes; all tables of one resource and scope, each a metric of its own. */
export function transformerInput(tables: readonly MetricTable[]): ResourceMetrics {
  const [first] = tables;
  const metrics = tables.map((table) => ({
    descriptor: { ...table.metric, valueType: 0, type: 'COUNTER', advice: {} },
    aggregationTemporality: table.temporality === 'delta' ? DELTA : CUMULATIVE,
    dataPointType: SUM_POINTS,
    isMonotonic: true,
    dataPoints: Array.from(table.ids, (id, point) => ({
      startTime: highResolutionTime(table.starts[table.startCodes?.[point] ?? 0] ?? 0n),
      endTime: highResolutionTime(table.endNs),
      attributes: Object.fromEntries(
        table.series.columns.flatMap(({ name, dictionary, codes }) => {
          const value = dictionary.at(codes[id] ?? 0);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      value: table.values[point],
    })),
  }));
  const input = { resource: first?.resource, scopeMetrics: [{ scope: first?.scope, metrics }] };
  return input as unknown as ResourceMetrics;
}

const highResolutionTime = (timeNs: bigint): [number, number] => [
  Number(timeNs / 1_000_000_000n),
  Number(timeNs % 1_000_000_000n),
];
