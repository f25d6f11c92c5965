import test from 'ava';
import { ABSENT, type CodeArray, numbers } from './dictionary.ts';
import { EndTuples } from './end-tuples.ts';
import { BLOCK_ROWS } from './series-index.ts';

const columns = ['zone', 'owner'].map((attribute) => ({ attribute, rows: new Uint8Array(), dictionary: numbers }));

/** Endpoints have one number exactly when they have the same codes. */
function tellsApart(numbersOf: Uint32Array, throughs: readonly CodeArray[]): boolean {
  const keyOf = (endpoint: number) => throughs.map((codes) => codes[endpoint] ?? ABSENT).join();
  const pairs = Array.from(numbersOf, (number, endpoint) => `${number} ${keyOf(endpoint)}`);
  const distinct = new Set(pairs).size;
  return distinct === new Set(numbersOf).size && distinct === new Set(pairs.map((_, e) => keyOf(e))).size;
}

test('endpoints with the same codes in all columns have one number, which stays', (t) => {
  const tuples = new EndTuples(columns);
  const throughs = [Uint32Array.of(1, 1, 2, 1), Uint32Array.of(5, 6, 5, 5)];
  const first = [...tuples.update(throughs)];
  t.deepEqual([first, tuples.size, tuples.endpoints], [[0, 1, 2, 0], 3, 4]);
  t.deepEqual([...tuples.update([Uint32Array.of(2, 1, 2, 1), Uint32Array.of(5, 6, 5, 5)])], [2, 1, 2, 0]);
  t.deepEqual([...tuples.update(throughs)], first);
});

test('a column that does not reach an endpoint has no value for it, until it grows', (t) => {
  const tuples = new EndTuples(columns);
  const zones = Uint32Array.of(1, 1, 1, 9);
  const owners = Uint32Array.of(5, 5, 5, 5);
  t.deepEqual([...tuples.update([zones.subarray(0, 1), owners.subarray(0, 2)])], [0, 1]);
  t.deepEqual([...tuples.update([zones.subarray(0, 3), owners.subarray(0, 2)])], [0, 0, 2]);
  t.deepEqual([...tuples.update([zones, owners])], [0, 0, 0, 3]);
  t.deepEqual([...tuples.update([zones.subarray(0, 1), owners.subarray(0, 1)])], [0]);
  t.deepEqual([...tuples.update([zones, owners])], [0, 0, 0, 3]);
});

test('many endpoints that come, change and go back are told apart as by their codes', (t) => {
  const tuples = new EndTuples(columns);
  const all = [new Uint32Array(3 * BLOCK_ROWS), new Uint16Array(3 * BLOCK_ROWS)];
  let state = 1;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  for (const codes of all) for (let e = 0; e < codes.length; e++) codes[e] = random(40);
  for (let round = 1; round <= 12; round++) {
    // A changed column is another array, as those of a dimension are.
    if (round % 3 === 0) all[round % 2] = all[round % 2]!.slice();
    if (round % 3 === 0) for (let i = 0; i < 50; i++) all[round % 2]![random(all[0]!.length)] = random(60);
    const throughs = all.map((codes) => codes.subarray(0, Math.floor((codes.length * Math.min(round, 10)) / 10)));
    t.true(tellsApart(tuples.update(throughs), throughs), `round ${round}`);
  }
});
