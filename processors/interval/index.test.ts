import test from 'ava';
import { decodeBlock } from '../../core/config/block.ts';
import { treeOf } from '../../core/config/tree.ts';
import { Accumulator } from '../../core/table/cumulative.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { flowMetrics } from '../../core/table/metrics.ts';
import { createMetricsOfFlows } from '../../core/table/metrics-of-flows.ts';
import { createTestTables, pointsOf, SECOND_NS, startsOf, type TestRow } from '../../core/table/testing.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import interval from './index.ts';

const keyOf = (port: number) => `[["src.port",${port}]]`;
const row = (port: number, bytes: number): TestRow => ({ 'src.port': port, bytes, packets: 1 });

/** Bytes by source port; `delta` makes the tables of a window, `sums` what delta_to_cumulative makes of them. */
function setUp(block: Readonly<Record<string, unknown>> = {}, limits = { maxStaleMs: 300_000, maxStreams: 1000 }) {
  const clock = createManualClock();
  const { config } = decodeBlock(interval.config, treeOf(block, 'test'));
  const host = createRecordingHost('interval', clock);
  const processor = interval.create(config, host);
  const accumulator = new Accumulator(limits);
  const metricsOfFlows = createMetricsOfFlows();
  let tables = createTestTables();
  const delta = (startSeconds: number, ...rows: TestRow[]) => {
    const startNs = BigInt(startSeconds) * SECOND_NS;
    const table = tables(rows, { window: { startNs, endNs: startNs + 5n * SECOND_NS } });
    return metricsOfFlows(table, [{ metric: flowMetrics[0]!, attributes: ['src.port'] }]);
  };
  return {
    clock,
    processor,
    delta,
    held: processor.held!,
    warnings: () => host.log.map(({ message }) => message),
    sums: (startSeconds: number, ...rows: TestRow[]) =>
      processor.metrics!(accumulator.accumulate(delta(startSeconds, ...rows))),
    newEpoch: () => {
      tables = createTestTables();
    },
  };
}

const pointsOfAll = (tables: readonly (MetricTable | { kind: 'flows' })[]) =>
  tables.map((table) => (table.kind === 'metric' ? [...pointsOf(table)] : []));

test('keeps the tables of an interval and sends the latest point of each series at its end', (t) => {
  const { clock, held, sums } = setUp();
  t.is(held.dueMs(), undefined);
  for (let window = 0; window < 12; window++) t.deepEqual(sums(5 * window, row(1, 10)), []);
  sums(55, row(2, 3));
  t.is(held.dueMs(), 60_000);
  t.deepEqual(held.release(59_999), []);
  clock.advance(60_000);
  const [table, ...rest] = held.release(60_000) as MetricTable[];
  t.deepEqual(rest, []);
  t.deepEqual(
    new Map(pointsOf(table!)),
    new Map([
      [keyOf(1), 120],
      [keyOf(2), 3],
    ]),
  );
  t.deepEqual([...startsOf(table!).values()], [0n, 55n * SECOND_NS]);
  t.is(table!.temporality, 'cumulative');
  t.is(table!.endNs, 60n * SECOND_NS + 1_000_000n, 'the end of the last window, which came late');
  t.is(held.dueMs(), undefined, 'what was sent is forgotten');
});

test('a series without a new point in an interval is not sent', (t) => {
  const { held, sums } = setUp();
  sums(0, row(1, 10), row(2, 10));
  held.release(60_000);
  sums(60, row(2, 1));
  t.is(held.dueMs(), 120_000);
  t.deepEqual(pointsOfAll(held.release(120_000)), [[[keyOf(2), 11]]]);
});

test('intervals that went by are not made up for', (t) => {
  const { clock, held, sums } = setUp({ interval: '10s' });
  clock.advance(25_000);
  sums(0, row(1, 1));
  t.is(held.dueMs(), 30_000, 'there was nothing to send at 10 and 20 s');
  held.release(57_000);
  sums(5, row(1, 1));
  t.is(held.dueMs(), 60_000, 'there was no room at 40 and 50 s');
});

test('delta sums pass at once, with one warning', (t) => {
  const { processor, delta, held, warnings } = setUp();
  const tables = delta(0, row(1, 1));
  processor.metrics!(tables);
  t.deepEqual(warnings(), [
    'Delta sums pass at once: put delta_to_cumulative before this processor to send less often.',
  ]);
  t.deepEqual(processor.metrics!(tables), tables);
  t.is(warnings().length, 1);
  t.is(held.dueMs(), undefined);
});

test('at the end everything leaves, due or not', (t) => {
  const { held, sums } = setUp();
  sums(0, row(1, 10));
  t.deepEqual(pointsOfAll(held.release(Infinity)), [[[keyOf(1), 10]]]);
  t.deepEqual(held.release(Infinity), []);
});

test('a series that was reset in an interval leaves as it was, and as it is', (t) => {
  const { held, sums } = setUp({}, { maxStaleMs: 10_000, maxStreams: 10 });
  sums(0, row(1, 10));
  sums(20, row(2, 1));
  sums(40, row(1, 7));
  const tables = held.release(60_000) as MetricTable[];
  t.deepEqual(
    tables.map((table) => [table.endNs / SECOND_NS, ...pointsOf(table)]),
    [
      [25n, [keyOf(1), 10]],
      [45n, [keyOf(1), 7], [keyOf(2), 1]],
    ],
  );
  t.deepEqual(
    tables.map((table) => startsOf(table).get(keyOf(1))),
    [0n, 40n * SECOND_NS],
  );
});

test('whatever comes and goes, the growth of what leaves is what went in, and times grow', (t) => {
  const { held, sums, newEpoch } = setUp({}, { maxStaleMs: 20_000, maxStreams: 12 });
  let state = 5;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const last = new Map<string, { start: bigint; value: number; time: bigint }>();
  let sent = 0;
  let received = 0;
  const take = (tables: readonly unknown[]) => {
    for (const table of tables as readonly MetricTable[]) {
      const starts = startsOf(table);
      for (const [key, value] of pointsOf(table)) {
        const start = starts.get(key)!;
        const before = last.get(key);
        received += before?.start === start ? value - before.value : value;
        t.true(table.endNs > (before?.time ?? 0n) && start >= (before?.start === start ? 0n : (before?.time ?? 0n)));
        last.set(key, { start, value, time: table.endNs });
      }
    }
  };
  for (let step = 0; step < 600; step++) {
    if (random(15) === 0) newEpoch();
    const ports = new Set(Array.from({ length: 1 + random(8) }, () => random(40)));
    const rows = Array.from(ports, (port) => row(port, random(1000)));
    for (const { bytes } of rows) sent += bytes;
    sums(step * 5, ...rows);
    if (step % 6 === 5) take(held.release((step + 1) * 10_000));
  }
  take(held.release(Infinity));
  t.is(received, sent);
});

test('an interval of nothing is an error in the words of the Collector', (t) => {
  const { config } = decodeBlock(interval.config, treeOf({ interval: '0s' }, 'test'));
  t.deepEqual(
    interval.validate?.(config).map(({ path, message }) => [path, message]),
    [[['interval'], 'invalid interval value']],
  );
});
