import test from 'ava';
import { Accumulator } from './cumulative.ts';
import type { FlowTable } from './flow-table.ts';
import type { MetricTable } from './metric-table.ts';
import { flowMetrics } from './metrics.ts';
import { createMetricsOfFlows } from './metrics-of-flows.ts';
import { createTestTables, pointsOf, SECOND_NS, startsOf, type TestRow } from './testing.ts';

const OVERFLOW = '[["otel.metric.overflow",true]]';
const keyOf = (port: number) => `[["src.port",${port}]]`;
const row = (port: number, bytes: number): TestRow => ({ 'src.port': port, bytes, packets: 1 });
const windowAt = (startSeconds: number) => ({
  startNs: BigInt(startSeconds) * SECOND_NS,
  endNs: BigInt(startSeconds + 5) * SECOND_NS,
});

/** Bytes by source port through an accumulator, one window at a time. */
function setUp(limits = { maxStaleMs: 300_000, maxStreams: 1000 }) {
  const accumulator = new Accumulator(limits);
  const metricsOfFlows = createMetricsOfFlows();
  let tables = createTestTables();
  const push = (table: FlowTable): readonly MetricTable[] =>
    accumulator.accumulate(metricsOfFlows(table, [{ metric: flowMetrics[0]!, attributes: ['src.port'] }]));
  return {
    accumulator,
    window: (startSeconds: number, ...rows: TestRow[]) => push(tables(rows, { window: windowAt(startSeconds) })),
    /** Dictionaries, and so the series index, begin anew. */
    newEpoch: () => {
      tables = createTestTables();
    },
  };
}

test('adds up the points of a series from the start of its first window', (t) => {
  const { window } = setUp();
  window(0, row(1, 10));
  const [table] = window(5, row(2, 7), row(1, 5));
  t.is(table!.temporality, 'cumulative');
  t.is(table!.endNs, 10n * SECOND_NS);
  t.deepEqual(
    [...pointsOf(table!)],
    [
      [keyOf(2), 7],
      [keyOf(1), 15],
    ],
  );
  t.deepEqual([...startsOf(table!).values()], [5n * SECOND_NS, 0n]);
});

test('a series without a point in a window is not sent, and goes on where it was', (t) => {
  const { window } = setUp();
  window(0, row(1, 10));
  t.deepEqual([...pointsOf(window(5, row(2, 1))[0]!).keys()], [keyOf(2)]);
  t.is(pointsOf(window(10, row(1, 1))[0]!).get(keyOf(1)), 11);
});

test('sums and start times follow their series into a new index, also over two replacements', (t) => {
  const { window, newEpoch, accumulator } = setUp();
  window(0, row(1, 10), row(2, 20));
  newEpoch();
  window(5, row(2, 2), row(3, 300));
  newEpoch();
  const [table] = window(10, row(3, 3), row(1, 1), row(2, 2));
  t.deepEqual(
    new Map(pointsOf(table!)),
    new Map([
      [keyOf(3), 303],
      [keyOf(1), 11],
      [keyOf(2), 24],
    ]),
  );
  t.deepEqual([...startsOf(table!).values()], [5n * SECOND_NS, 0n, 0n]);
  t.is(accumulator.tracked, 3);
});

test('past the limit, new series go to one overflow series and no byte is lost', (t) => {
  const { window, accumulator } = setUp({ maxStaleMs: 300_000, maxStreams: 2 });
  window(0, row(1, 1), row(2, 2));
  const [kept, overflow] = window(5, row(3, 4), row(1, 8), row(4, 16));
  t.deepEqual([...pointsOf(kept!)], [[keyOf(1), 9]]);
  t.deepEqual([...pointsOf(overflow!)], [[OVERFLOW, 20]]);
  t.is(kept!.metric, overflow!.metric);
  t.deepEqual([...startsOf(overflow!).values()], [5n * SECOND_NS]);

  const [again] = window(10, row(4, 32));
  t.deepEqual([...pointsOf(again!)], [[OVERFLOW, 52]]);
  t.deepEqual([...startsOf(again!).values()], [5n * SECOND_NS]);
  t.deepEqual([accumulator.tracked, accumulator.overflowed], [2, 3]);
});

test('a series that has been silent for longer than max_stale starts anew and frees its place meanwhile', (t) => {
  const { window, accumulator } = setUp({ maxStaleMs: 60_000, maxStreams: 1 });
  window(0, row(1, 10));
  t.deepEqual([...pointsOf(window(60, row(1, 1))[0]!)], [[keyOf(1), 11]]);
  const [table] = window(121, row(2, 5));
  t.deepEqual([...pointsOf(table!)], [[keyOf(2), 5]]);
  t.is(accumulator.tracked, 1);
  const [back] = window(200, row(1, 3));
  t.deepEqual([...pointsOf(back!)], [[keyOf(1), 3]]);
  t.deepEqual([...startsOf(back!).values()], [200n * SECOND_NS]);
});

test('series that never come back after a replacement expire too', (t) => {
  const { window, newEpoch, accumulator } = setUp({ maxStaleMs: 60_000, maxStreams: 10 });
  window(0, row(1, 1), row(2, 1));
  newEpoch();
  window(5, row(3, 1));
  t.is(accumulator.tracked, 3);
  window(100, row(3, 1));
  t.is(accumulator.tracked, 1);
});

test('a sum that would leave the exact integers starts anew, as a counter that was reset', (t) => {
  const { window } = setUp();
  window(0, row(1, Number.MAX_SAFE_INTEGER - 1));
  t.is(pointsOf(window(5, row(1, 1))[0]!).get(keyOf(1)), Number.MAX_SAFE_INTEGER);
  const [table] = window(10, row(1, 7));
  t.deepEqual([...pointsOf(table!)], [[keyOf(1), 7]]);
  t.deepEqual([...startsOf(table!).values()], [10n * SECOND_NS]);
});

test('a table given out keeps its values and start times', (t) => {
  const { window } = setUp({ maxStaleMs: 60_000, maxStreams: 10 });
  const [first] = window(0, row(1, 1), row(2, 2));
  window(5, row(1, 1));
  window(200, row(3, 1));
  t.deepEqual([...pointsOf(first!).values()], [1, 2]);
  t.deepEqual([...startsOf(first!).values()], [0n, 0n]);
});

test('cumulative tables pass as they are', (t) => {
  const { window, accumulator } = setUp();
  const tables = window(0, row(1, 1));
  t.deepEqual(accumulator.accumulate(tables), tables);
});

test('whatever comes and goes, the growth of all series and overflows is what went in', (t) => {
  const { window, newEpoch } = setUp({ maxStaleMs: 20_000, maxStreams: 12 });
  let state = 7;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const last = new Map<string, { start: bigint; value: number }>();
  let sent = 0;
  let received = 0;
  for (let step = 0; step < 300; step++) {
    if (random(10) === 0) newEpoch();
    const ports = new Set(Array.from({ length: 1 + random(8) }, () => random(40)));
    const rows = Array.from(ports, (port) => row(port, random(1000)));
    for (const { bytes } of rows) sent += bytes;
    for (const table of window(step * 5, ...rows)) {
      const starts = startsOf(table);
      for (const [key, value] of pointsOf(table)) {
        const start = starts.get(key)!;
        const before = last.get(key);
        received += before?.start === start ? value - before.value : value;
        last.set(key, { start, value });
      }
    }
  }
  t.is(received, sent);
});

test('a table with an overflow series holds no more memory than its own points', (t) => {
  const { window } = setUp({ maxStaleMs: 300_000, maxStreams: 2 });
  const [kept] = window(0, ...Array.from({ length: 5000 }, (_, port) => row(port, 1)));
  t.is(kept!.ids.length, 2);
  for (const { buffer } of [kept!.ids, kept!.values, kept!.startCodes!]) t.true(buffer.byteLength < 100);
});
