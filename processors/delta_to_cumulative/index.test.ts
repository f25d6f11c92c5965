import test from 'ava';
import { decodeBlock } from '../../core/config/block.ts';
import { treeOf } from '../../core/config/tree.ts';
import { flowMetrics } from '../../core/table/metrics.ts';
import { createMetricsOfFlows } from '../../core/table/metrics-of-flows.ts';
import { createTestTables, pointsOf, SECOND_NS, type TestRow } from '../../core/table/testing.ts';
import { systemClock } from '../../core/telemetry/clock.ts';
import { createLogger } from '../../core/telemetry/log.ts';
import { createRegistry } from '../../core/telemetry/registry.ts';
import deltaToCumulative from './index.ts';

const row = (port: number, bytes: number): TestRow => ({ 'src.port': port, bytes, packets: 1 });

function setUp(block: Readonly<Record<string, unknown>>) {
  const { config, problems } = decodeBlock(deltaToCumulative.config, treeOf(block, 'test'));
  const registry = createRegistry();
  const processor = deltaToCumulative.create(config, {
    id: 'delta_to_cumulative/slow',
    logger: createLogger(),
    metrics: registry,
    clock: systemClock,
    build: { command: 'weir', version: '0.1.0' },
  });
  const metricsOfFlows = createMetricsOfFlows();
  const tables = createTestTables();
  return {
    problems: [...problems, ...(deltaToCumulative.validate?.(config) ?? [])],
    window: (startSeconds: number, ...rows: TestRow[]) => {
      const startNs = BigInt(startSeconds) * SECOND_NS;
      const table = tables(rows, { window: { startNs, endNs: startNs + 5n * SECOND_NS } });
      return processor.metrics!(metricsOfFlows(table, [{ metric: flowMetrics[0]!, attributes: ['src.port'] }]));
    },
    scraped: (name: string) =>
      registry
        .text()
        .split('\n')
        .find((line) => line.startsWith(`otelcol_deltatocumulative_${name}{`)),
  };
}

test('sums deltas up, and forgets a series after max_stale', (t) => {
  const { window } = setUp({ max_stale: '1m' });
  window(0, row(1, 10));
  t.deepEqual([...pointsOf(window(60, row(1, 1))[0]!).values()], [11]);
  t.deepEqual([...pointsOf(window(121, row(1, 2))[0]!).values()], [2]);
});

test('counts points, tracked series and what the limit refused', (t) => {
  const { window, scraped } = setUp({ max_streams: 2 });
  window(0, row(1, 10), row(2, 10), row(3, 10));
  window(5, row(1, 10), row(3, 10));
  const labels = '{processor="delta_to_cumulative/slow"}';
  t.is(scraped('datapoints'), `otelcol_deltatocumulative_datapoints${labels} 5`);
  t.is(scraped('datapoints_overflowed'), `otelcol_deltatocumulative_datapoints_overflowed${labels} 1`);
  t.is(scraped('streams_displaced'), `otelcol_deltatocumulative_streams_displaced${labels} 1`);
  t.is(scraped('streams_tracked'), `otelcol_deltatocumulative_streams_tracked${labels} 2`);
  t.is(scraped('streams_limit'), `otelcol_deltatocumulative_streams_limit${labels} 2`);
  t.is(scraped('streams_max_stale_seconds'), `otelcol_deltatocumulative_streams_max_stale_seconds${labels} 300`);
});

test('max_streams 0 is no limit', (t) => {
  const { window, scraped } = setUp({ max_streams: 0 });
  t.is(window(0, row(1, 1), row(2, 1))[0]!.ids.length, 2);
  t.true(scraped('datapoints_overflowed')?.endsWith(' 0'));
});

test('a max_stale of nothing and a negative max_streams are errors', (t) => {
  t.deepEqual(
    setUp({ max_stale: '0s' }).problems.map(({ message }) => message),
    ['max_stale must be a positive duration (got 0s)'],
  );
  t.is(setUp({ max_streams: -1 }).problems.length, 1);
});
