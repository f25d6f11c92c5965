// long: every way in which a series comes, stays and goes, over one small set-up.

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

test('past the limit, new series that are not larger go to one overflow series and no byte is lost', (t) => {
  const { window, accumulator } = setUp({ maxStaleMs: 300_000, maxStreams: 2 });
  window(0, row(1, 10), row(2, 20));
  const [kept, overflow] = window(5, row(3, 4), row(1, 8), row(4, 7));
  t.deepEqual([...pointsOf(kept!)], [[keyOf(1), 18]]);
  t.deepEqual([...pointsOf(overflow!)], [[OVERFLOW, 11]]);
  t.is(kept!.metric, overflow!.metric);
  t.deepEqual([...startsOf(overflow!).values()], [5n * SECOND_NS]);

  const [again] = window(10, row(4, 2));
  t.deepEqual([...pointsOf(again!)], [[OVERFLOW, 13]]);
  t.deepEqual([...startsOf(again!).values()], [5n * SECOND_NS]);
  t.deepEqual([accumulator.tracked, accumulator.overflowed, accumulator.displaced], [2, 3, 0]);
});

test('when more series come at once than there are places, the largest get them', (t) => {
  const { window } = setUp({ maxStaleMs: 300_000, maxStreams: 2 });
  const [kept, overflow] = window(0, row(1, 1), row(2, 50), row(3, 2), row(4, 90));
  t.deepEqual(
    [...pointsOf(kept!)],
    [
      [keyOf(2), 50],
      [keyOf(4), 90],
    ],
  );
  t.deepEqual([...pointsOf(overflow!)], [[OVERFLOW, 3]]);
});

test('a larger series takes the place of the smallest, which goes on in the overflow series', (t) => {
  const { window, accumulator } = setUp({ maxStaleMs: 300_000, maxStreams: 2 });
  window(0, row(1, 10), row(2, 1000));
  const [kept, overflow] = window(5, row(1, 3), row(2, 1), row(3, 500));
  t.deepEqual(
    new Map(pointsOf(kept!)),
    new Map([
      [keyOf(2), 1001],
      [keyOf(3), 500],
    ]),
  );
  t.deepEqual(startsOf(kept!).get(keyOf(3)), 5n * SECOND_NS, 'the new one starts with the window that let it in');
  t.deepEqual([...pointsOf(overflow!)], [[OVERFLOW, 3]], 'the 10 were sent under its own name');
  t.deepEqual([accumulator.tracked, accumulator.displaced], [2, 1]);

  const [later] = window(10, row(1, 2000));
  t.deepEqual([...pointsOf(later!)], [[keyOf(1), 2000]], 'now it is larger than 3, and starts anew');
  t.deepEqual([...startsOf(later!).values()], [10n * SECOND_NS]);
});

test('what a series left to the overflow series counts when it asks for a place, and stays there', (t) => {
  const { window } = setUp({ maxStaleMs: 300_000, maxStreams: 1 });
  window(0, row(1, 100));
  for (const start of [5, 10]) t.deepEqual([...pointsOf(window(start, row(2, 60))[0]!).keys()], [OVERFLOW]);
  const [kept] = window(15, row(2, 10));
  t.deepEqual([...pointsOf(kept!)], [[keyOf(2), 10]], '130 are more than 125');
  const tables = window(20, row(1, 30), row(2, 1));
  t.deepEqual(
    tables.map((table) => [...pointsOf(table)]),
    [[[keyOf(2), 11]], [[OVERFLOW, 150]]],
  );
});

test('a series of about the same size does not take the place of another', (t) => {
  const { window, accumulator } = setUp({ maxStaleMs: 300_000, maxStreams: 1 });
  window(0, row(1, 100));
  for (let step = 1; step < 50; step++) window(5 * step, row(1, 10), row(2, 11));
  t.is(accumulator.displaced, 0);
});

test('metrics share the places: what fills them first leaves as many to the next one', (t) => {
  const accumulator = new Accumulator({ maxStaleMs: 300_000, maxStreams: 10 });
  const metricsOfFlows = createMetricsOfFlows();
  const tables = createTestTables();
  const selections = flowMetrics.slice(0, 2).map((metric) => ({ metric, attributes: ['src.port'] }));
  const window = (startSeconds: number) => {
    const rows = Array.from({ length: 20 }, (_, port) => ({
      'src.port': port,
      bytes: 1000 * (port + 1),
      packets: 20 - port,
    }));
    return accumulator.accumulate(metricsOfFlows(tables(rows, { window: windowAt(startSeconds) }), selections));
  };
  window(0);
  const named = window(5).map((table) => [table.metric.unit, ...pointsOf(table).keys()]);
  const ports = (...all: number[]) => all.map(keyOf);
  t.deepEqual(named, [
    ['By', ...ports(15, 16, 17, 18, 19)],
    ['By', OVERFLOW],
    ['{packet}', ...ports(0, 1, 2, 3, 4)],
    ['{packet}', OVERFLOW],
  ]);
  t.is(accumulator.tracked, 10);
});

test('of many series the largest are kept, whatever their order, and over new indexes', (t) => {
  const { window, newEpoch } = setUp({ maxStaleMs: 300_000, maxStreams: 50 });
  for (let step = 0; step < 40; step++) {
    if (step % 10 === 9) newEpoch();
    const rows = Array.from({ length: 400 }, (_, port) => row(port, port < 50 ? 100_000 + port : port % 97));
    window(step * 5, ...(step < 3 ? rows.slice(50) : rows.toReversed()));
  }
  const [kept] = window(200, ...Array.from({ length: 400 }, (_, port) => row(port, 1)));
  const ports = Array.from(pointsOf(kept!).keys(), (key) => Number(/\d+/.exec(key)));
  t.deepEqual(
    ports.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, port) => port),
  );
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

test('series are forgotten by their own silence, as the expiry of Beyla forgets them', (t) => {
  const { window, accumulator } = setUp({ maxStaleMs: 180_000, maxStreams: 10 });
  const [foo, baz] = [1, 2];
  window(0, row(foo, 123), row(baz, 456));
  t.deepEqual([...pointsOf(window(120, row(foo, 123))[0]!)], [[keyOf(foo), 246]]);
  window(240, row(foo, 0));
  t.is(accumulator.tracked, 1, 'baz is gone');
  const [back] = window(430, row(baz, 456));
  t.deepEqual([...pointsOf(back!)], [[keyOf(baz), 456]]);
  t.deepEqual([...startsOf(back!).values()], [430n * SECOND_NS]);
  t.is(accumulator.tracked, 1, 'foo is gone');
});

/** Delta points of series with a workload at each end, of which those named exist. */
function setUpWorkloads(exists: ReadonlySet<string>, more: Readonly<Record<string, number>> = {}) {
  const accumulator = new Accumulator({ maxStaleMs: 60_000, maxStreams: 1000 });
  const metricsOfFlows = createMetricsOfFlows();
  const tables = createTestTables({ 'k8s.src.owner.name': (value) => exists.has(`${value}`) });
  const attributes = ['k8s.src.owner.name', 'direction', ...Object.keys(more)];
  return (startSeconds: number, owner: string) => {
    const rows = [{ 'k8s.src.owner.name': owner, direction: 'request', ...more, bytes: 1, packets: 1 }];
    const table = tables(rows, { window: windowAt(startSeconds) });
    accumulator.accumulate(metricsOfFlows(table, [{ metric: flowMetrics[0]!, attributes }]));
    return accumulator.tracked;
  };
}

test('a series whose ends are known to exist is not forgotten, and one whose ends are gone is', (t) => {
  const exists = new Set(['quiet', 'busy']);
  const window = setUpWorkloads(exists);
  window(0, 'quiet');
  window(0, 'gone');
  t.is(window(500, 'busy'), 2);
  exists.delete('quiet');
  t.is(window(600, 'busy'), 1, 'asked again max_stale after the last time');
});

test('a port that nobody knows of lets a series expire, though its workload exists', (t) => {
  const window = setUpWorkloads(new Set(['quiet', 'busy']), { 'src.port': 40_000 });
  window(0, 'quiet');
  t.is(window(500, 'busy'), 1);
});

test('a window that comes late is added at a later time than the last point, and the start stays', (t) => {
  const { window } = setUp();
  window(5, row(1, 10));
  const [late] = window(0, row(1, 7), row(2, 1));
  t.is(late!.endNs, 10n * SECOND_NS + 1_000_000n);
  t.deepEqual([...pointsOf(late!).values()], [17, 1]);
  t.deepEqual([...startsOf(late!).values()], [5n * SECOND_NS, 0n]);
  t.is(window(10, row(1, 1))[0]!.endNs, 15n * SECOND_NS);
});

test('cumulative tables pass as they are', (t) => {
  const { window, accumulator } = setUp();
  const tables = window(0, row(1, 1));
  t.deepEqual(accumulator.accumulate(tables), tables);
});

test('whatever comes and goes, the growth of all series and overflows is what went in', (t) => {
  const { window, newEpoch, accumulator } = setUp({ maxStaleMs: 20_000, maxStreams: 12 });
  let state = 7;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const last = new Map<string, { start: bigint; value: number; time: bigint }>();
  let sent = 0;
  let received = 0;
  for (let step = 2; step < 600; step++) {
    if (random(10) === 0) newEpoch();
    const ports = new Set(Array.from({ length: 1 + random(8) }, () => random(40)));
    const rows = Array.from(ports, (port) => row(port, random(1000)));
    for (const { bytes } of rows) sent += bytes;
    const late = random(12) === 0 ? 2 : 0;
    for (const table of window((step - late) * 5, ...rows)) {
      const time = table.endNs;
      const starts = startsOf(table);
      for (const [key, value] of pointsOf(table)) {
        const start = starts.get(key)!;
        const before = last.get(key);
        const goesOn = before?.start === start;
        received += goesOn ? value - before.value : value;
        t.true(time > start && time > (before?.time ?? 0n), 'times grow');
        t.true(!goesOn || value >= before.value, 'sums grow');
        last.set(key, { start, value, time });
      }
    }
  }
  t.is(received, sent);
  t.true(accumulator.displaced > 0 && accumulator.overflowed > 0);
});

test('a table with an overflow series holds no more memory than its own points', (t) => {
  const { window } = setUp({ maxStaleMs: 300_000, maxStreams: 2 });
  const [kept] = window(0, ...Array.from({ length: 5000 }, (_, port) => row(port, 1)));
  t.is(kept!.ids.length, 2);
  for (const { buffer } of [kept!.ids, kept!.values, kept!.startCodes!]) t.true(buffer.byteLength < 100);
});
