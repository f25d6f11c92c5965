import test from 'ava';
import { createCumulativeToDelta, type PointFate } from './cumulative-to-delta.ts';
import type { DecodedMetric } from './decoded.ts';

const SINCE = 100n;

function createStreams(maxStreams?: number) {
  const fates: PointFate[] = [];
  const onPoint = (fate: PointFate) => void fates.push(fate);
  const toDelta = createCumulativeToDelta({
    sinceNs: SINCE,
    onPoint,
    ...(maxStreams === undefined ? {} : { maxStreams }),
  });
  /** Points as start, time, value and stream; gives the differences in the same way. */
  const add = (...points: readonly (readonly [start: number, time: number, value: number, stream?: string])[]) =>
    toDelta({
      resource: [['host.name', 'node-1']],
      scope: { name: 'weir', version: '1' },
      name: 'beyla.network.flow.bytes',
      temporality: 'cumulative',
      points: points.map(([start, time, value, stream = 'a']) => ({
        attributes: [['src.address', stream]],
        startNs: BigInt(start),
        timeNs: BigInt(time),
        value,
      })),
      unread: 0,
    }).points.map(({ startNs, timeNs, value }) => [Number(startNs), Number(timeNs), value]);
  return { toDelta, add, fates };
}

test('a sum becomes its differences, whose windows join', (t) => {
  const { add } = createStreams();
  t.deepEqual(add([110, 120, 5]), [[110, 120, 5]]);
  t.deepEqual(add([110, 130, 5]), [], 'nothing was added');
  t.deepEqual(add([110, 140, 12]), [[130, 140, 7]]);
});

test('of a sum that began before, the first point tells where to count from', (t) => {
  const { add, fates } = createStreams();
  t.deepEqual(add([90, 120, 1000]), []);
  t.deepEqual(add([90, 130, 1001]), [[120, 130, 1]]);
  t.deepEqual(fates, ['base', 'difference']);
});

test('a sum that does not say when it began counts from its first point on', (t) => {
  const { add } = createStreams();
  t.deepEqual(add([0, 120, 7], [0, 130, 9]), [[120, 130, 2]]);
});

test('a point that comes again or late adds nothing: later ones hold it already', (t) => {
  const { add, fates } = createStreams();
  t.deepEqual(add([110, 120, 5], [110, 140, 9], [110, 140, 9], [110, 130, 7], [110, 150, 10]), [
    [110, 120, 5],
    [120, 140, 4],
    [140, 150, 1],
  ]);
  t.deepEqual(fates, ['difference', 'difference', 'old', 'old', 'difference']);
});

test('a restart begins another stream, and what is left of the one before still counts', (t) => {
  const { add } = createStreams();
  t.deepEqual(add([110, 120, 5]), [[110, 120, 5]]);
  t.deepEqual(add([125, 140, 2]), [[125, 140, 2]]);
  t.deepEqual(add([110, 124, 6]), [[120, 124, 1]], 'it came late');
  t.deepEqual(add([125, 150, 3]), [[140, 150, 1]]);
});

test('a sum that falls without a new start counts from zero', (t) => {
  const { add, fates } = createStreams();
  t.deepEqual(add([110, 120, 50], [110, 130, 3], [110, 140, 4]), [
    [110, 120, 50],
    [120, 130, 3],
    [130, 140, 1],
  ]);
  t.is(fates[1], 'reset');
});

test('a stream that was forgotten is not counted anew', (t) => {
  const { add, fates } = createStreams(2);
  t.deepEqual(add([110, 120, 5, 'a'], [111, 120, 6, 'b'], [110, 130, 7, 'a'], [112, 130, 8, 'c']), [
    [110, 120, 5],
    [111, 120, 6],
    [120, 130, 2],
    [112, 130, 8],
  ]);
  t.deepEqual(add([111, 140, 9, 'b']), [], 'it was quiet for the longest time');
  t.deepEqual(add([111, 150, 10, 'b']), [[140, 150, 1]]);
  t.is(fates.filter((fate) => fate === 'base').length, 1);
});

test('attributes in another order are the same stream, another sender or metric is another one', (t) => {
  const { toDelta } = createStreams();
  const metric = (overrides: Partial<DecodedMetric>, time: number, names: readonly string[] = ['x', 'y']) =>
    toDelta({
      resource: [],
      scope: { name: '', version: '' },
      name: 'm',
      temporality: 'cumulative',
      points: [{ attributes: names.map((name) => [name, 1] as const), startNs: 110n, timeNs: BigInt(time), value: 10 }],
      unread: 0,
      ...overrides,
    }).points.length;
  t.is(metric({}, 120), 1);
  t.is(metric({}, 130, ['y', 'x']), 0);
  t.is(metric({ name: 'n' }, 130), 1);
  t.is(metric({ resource: [['host.name', 'b']] }, 130), 1);
});

test('whatever the order of points, differences add up to the last values', (t) => {
  for (let round = 0; round < 50; round++) {
    const { add } = createStreams();
    let total = 0;
    const points: [number, number, number, string][] = [];
    for (const stream of ['a', 'b', 'c']) {
      for (const start of [110, 500, 900]) {
        let value = 0;
        for (let time = start + 1; time < start + 20; time++) {
          value += Math.floor(Math.random() * 3);
          points.push([start, time, value, stream]);
        }
        total += value;
      }
    }
    points.sort(() => Math.random() - 0.5);
    const sum = points.flatMap((point) => add(point)).reduce((all, [, , value]) => all + value!, 0);
    t.is(sum, total);
  }
});

test('sums that are deltas and gauges are left as they are', (t) => {
  const { toDelta } = createStreams();
  const metric: DecodedMetric = {
    resource: [],
    scope: { name: '', version: '' },
    name: 'm',
    temporality: 'delta',
    points: [],
    unread: 3,
  };
  t.is(toDelta(metric), metric);
});
