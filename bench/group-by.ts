/**
 * Rows a second of the group-by beside a naive one (a Map keyed by joined codes): a million rows, eight columns, 50,000
 * groups, two measures. Prints the best of interleaved rounds; the ratio is what compares between machines.
 */

import { type AttributeColumn, numbers } from '../core/table/dictionary.ts';
import { createGroupBy } from '../core/table/group-by.ts';
import { SeriesIndex } from '../core/table/series-index.ts';
import { randomNumbers } from './tools/random-numbers.ts';

const ROWS = 1_000_000;
const GROUPS = 50_000;
const ENDPOINTS = 3000;
const ROUNDS = 5;

function makeRows(): { columns: AttributeColumn[]; measures: Float64Array[] } {
  const random = randomNumbers(42);
  const kinds = [ENDPOINTS, ENDPOINTS, ENDPOINTS, ENDPOINTS, 65536, 4, 3, 2];
  const groups = kinds.map((limit) => Uint32Array.from({ length: GROUPS }, () => random(limit)));
  const zoneOf = Uint32Array.from({ length: ENDPOINTS }, (_, endpoint) => endpoint);
  const group = Uint32Array.from({ length: ROWS }, () => random(GROUPS));
  const columns = groups.map((codes, c): AttributeColumn => {
    const rows = Uint32Array.from(group, (g) => codes[g]!);
    if (c < 2) return { attribute: `c${c}`, rows, dictionary: numbers };
    if (c < 4) return { attribute: `c${c}`, rows, through: zoneOf, dictionary: numbers };
    const narrow = c === 4 ? Uint16Array.from(rows) : Uint8Array.from(rows);
    return { attribute: `c${c}`, rows: narrow, dictionary: numbers };
  });
  const measure = () => Float64Array.from({ length: ROWS }, () => random(1 << 20));
  return { columns, measures: [measure(), measure()] };
}

function naive(columns: readonly AttributeColumn[], measures: readonly Float64Array[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < ROWS; row++) {
    const key = columns.map(({ rows, through }) => (through ? through[rows[row]!] : rows[row])).join();
    const sums = groups.get(key);
    if (sums === undefined)
      groups.set(
        key,
        measures.map((values) => values[row]!),
      );
    else for (let m = 0; m < measures.length; m++) sums[m]! += measures[m]![row]!;
  }
  return groups;
}

function timeMs(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

const { columns, measures } = makeRows();
const newIndex = () => new SeriesIndex(columns.map(({ attribute, dictionary }) => ({ name: attribute, dictionary })));
const known = newIndex();
const groupByKnown = createGroupBy(known);
const input = { columns, rows: ROWS, parts: [{ measures }] };
const best = { known: Infinity, fresh: Infinity, naive: Infinity };
for (let round = 0; round < ROUNDS; round++) {
  best.fresh = Math.min(
    best.fresh,
    timeMs(() => createGroupBy(newIndex())(input)),
  );
  best.known = Math.min(
    best.known,
    timeMs(() => groupByKnown(input)),
  );
  best.naive = Math.min(
    best.naive,
    timeMs(() => naive(columns, measures)),
  );
}

const rate = (ms: number) => `${(ROWS / ms / 1000).toFixed(1)} M rows/s`;
process.stdout.write(
  `group-by ${ROWS.toLocaleString('en')} rows, ${columns.length} columns, ${known.size.toLocaleString('en')} groups: ` +
    `new index ${rate(best.fresh)}, kept index ${rate(best.known)}, Map of joined codes ${rate(best.naive)}; ` +
    `ratio ${(best.naive / best.fresh).toFixed(1)} and ${(best.naive / best.known).toFixed(1)}\n`,
);
