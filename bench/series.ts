/**
 * What 100,000 series cost: memory of each part that keeps something by series, and the time of a window through
 * delta_to_cumulative, below its limit and far past it, and of an interval's end. Prints the best of several rounds.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MetricEncoder } from '../core/otlp/encode.ts';
import { Accumulator } from '../core/table/cumulative.ts';
import { listDictionary, numbers } from '../core/table/dictionary.ts';
import { LatestPoints } from '../core/table/latest-points.ts';
import type { MetricTable } from '../core/table/metric-table.ts';
import { SeriesIndex } from '../core/table/series-index.ts';
import { randomNumbers } from './tools/random-numbers.ts';

const SERIES = 100_000;
const ENDPOINTS = 3000;
const ROUNDS = 9;
const WINDOW_NS = 5_000_000_000n;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const random = randomNumbers(42);
const workloads = listDictionary(Array.from({ length: ENDPOINTS }, (_, at) => `checkout-service-${at}`));
const columns = [
  { name: 'k8s.src.owner.name', dictionary: workloads },
  { name: 'k8s.dst.owner.name', dictionary: workloads },
  { name: 'server.port', dictionary: numbers },
  { name: 'transport', dictionary: listDictionary(['TCP', 'UDP']) },
  { name: 'direction', dictionary: listDictionary(['request', 'response']) },
];
const metric = { name: 'beyla.network.flow.bytes', description: '', unit: 'By' };
const resource = { attributes: { 'service.name': 'weir' } };
const scope = { name: 'weir', version: '0' };

function createIndex(series: number): SeriesIndex {
  const index = new SeriesIndex(columns);
  for (let at = 0; at < series; at++) {
    index.intern([at % ENDPOINTS, Math.floor(at / ENDPOINTS), 1 + (at % 1000), at % 2, (at >> 1) % 2]);
  }
  return index;
}

let endNs = WINDOW_NS;
/** A point of each of these series, of few large and many small ones. */
function window(series: SeriesIndex, ids: Uint32Array): MetricTable {
  const values = Float64Array.from(ids, (id) => 1 + random(id % 100 === 0 ? 1_000_000 : 1000));
  const startNs = endNs;
  endNs += WINDOW_NS;
  return {
    kind: 'metric',
    metric,
    resource,
    scope,
    temporality: 'delta',
    series,
    ids,
    values,
    endNs,
    starts: [startNs],
  };
}

const everyId = Uint32Array.from({ length: SERIES }, (_, id) => id);

const heldBytes = () => {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** What `make` keeps, in bytes a series. */
function bytesOfSeries<Kept>(make: () => Kept): { readonly kept: Kept; readonly bytes: number } {
  const before = heldBytes();
  const kept = make();
  return { kept, bytes: (heldBytes() - before) / SERIES };
}

/** The kernel tells a thread's time in steps of milliseconds, and these works are over in a few: the clock, and the least. */
function timeMs(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

const unlimited = { maxStaleMs: 300_000, maxStreams: SERIES };
const index = bytesOfSeries(() => createIndex(SERIES));
const table = window(index.kept, everyId);
const sums = bytesOfSeries(() => {
  const accumulator = new Accumulator(unlimited);
  accumulator.accumulate([table]);
  return accumulator;
});
const cumulative = sums.kept.accumulate([window(index.kept, everyId)]);
const latest = bytesOfSeries(() => {
  const points = new LatestPoints();
  for (const one of cumulative) points.add(one);
  return points;
});
const encoded = bytesOfSeries(() => {
  const encoder = new MetricEncoder();
  for (const _ of encoder.encode(cumulative, () => undefined));
  return encoder;
});
const shown = (bytes: number) => `${bytes.toFixed(0)} B`;
process.stdout.write(
  `memory a series, of 5 attributes: index ${shown(index.bytes)}, sums ${shown(sums.bytes)}, ` +
    `interval ${shown(latest.bytes)}, encoded points ${shown(encoded.bytes)}\n`,
);

/** Ten times as many series as places, the small ones different in each window. */
const many = createIndex(10 * SERIES);
const limited = new Accumulator({ maxStaleMs: 300_000, maxStreams: SERIES });
const someIds = (round: number) =>
  Uint32Array.from({ length: SERIES }, (_, at) => (at % 100 === 0 ? at * 10 : (at * 10 + round + 1) % (10 * SERIES)));

const best = { below: Infinity, past: Infinity, end: Infinity };
for (let round = 0; round < ROUNDS; round++) {
  const known = window(index.kept, everyId);
  best.below = Math.min(
    best.below,
    timeMs(() => void sums.kept.accumulate([known])),
  );
  const ids = someIds(round);
  const crowded = window(many, ids);
  const past = timeMs(() => void limited.accumulate([crowded]));
  // The first windows only fill the places.
  if (round > 1) best.past = Math.min(best.past, past);
  for (const one of cumulative) latest.kept.add(one);
  best.end = Math.min(
    best.end,
    timeMs(() => void latest.kept.take()),
  );
}
process.stdout.write(
  `a window of ${SERIES.toLocaleString('en')} points: ${best.below.toFixed(1)} ms with a place for each, ` +
    `${best.past.toFixed(1)} ms with ten times as many series as places (${limited.displaced} displaced); ` +
    `the end of an interval ${best.end.toFixed(1)} ms\n`,
);
