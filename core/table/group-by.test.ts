import test from 'ava';
import { ABSENT, type AttributeColumn, numbers } from './dictionary.ts';
import { createGroupBy, type GroupBy, type Groups } from './group-by.ts';
import { SeriesIndex } from './series-index.ts';
import { seriesKey } from './testing.ts';

const indexOf = (columns: readonly AttributeColumn[]) =>
  new SeriesIndex(columns.map(({ attribute, dictionary }) => ({ name: attribute, dictionary })));

test('adds up the rows of each series, the mapping of a column applied', (t) => {
  const columns: AttributeColumn[] = [
    { attribute: 'port', rows: Uint16Array.of(1, 2, 1, 1), dictionary: numbers },
    { attribute: 'zone', rows: Uint32Array.of(0, 1, 2, 3), through: Uint8Array.of(7, 7, 7, 8), dictionary: numbers },
  ];
  const index = indexOf(columns);
  const measures = [Float64Array.of(1, 20, 300, 4000)];
  const { ids, sums } = createGroupBy(index)({ columns, rows: 4, parts: [{ measures }] })[0]!;
  t.deepEqual([...ids], [0, 1, 2]);
  t.deepEqual([...sums[0]!], [301, 20, 4000]);
  t.is(seriesKey(index, 2), '[["port",1],["zone",8]]');
});

test('an endpoint that the mapping does not reach, and an absent one, have no value', (t) => {
  const columns: AttributeColumn[] = [
    { attribute: 'zone', rows: Uint32Array.of(0, 1, ABSENT), through: Uint8Array.of(5), dictionary: numbers },
  ];
  const index = indexOf(columns);
  const parts = [{ measures: [Float64Array.of(1, 2, 4)] }];
  const { ids, sums } = createGroupBy(index)({ columns, rows: 3, parts })[0]!;
  t.deepEqual(
    [...ids].map((id) => seriesKey(index, id)),
    ['[["zone",5]]', '[]'],
  );
  t.deepEqual([...sums[0]!], [1, 6]);
});

test('ids stay the same over windows, and none comes twice', (t) => {
  const window = (rows: Uint32Array): AttributeColumn[] => [{ attribute: 'a', rows, dictionary: numbers }];
  const index = indexOf(window(new Uint32Array()));
  const groupBy = createGroupBy(index);
  const idsOf = (rows: Uint32Array) =>
    groupBy({ columns: window(rows), rows: rows.length, parts: [{ measures: [] }] }).map(({ ids }) => [...ids]);
  t.deepEqual(
    [...idsOf(Uint32Array.of(8, 9)), ...idsOf(Uint32Array.of(9, 10, 9))],
    [
      [0, 1],
      [1, 2],
    ],
  );
});

test('a table of many blocks sums as a plain loop does', (t) => {
  const rows = 10_007;
  const a = Uint32Array.from({ length: rows }, (_, i) => (i * 7919) % 97);
  const b = Uint8Array.from({ length: rows }, (_, i) => (i * 31) % 13);
  const values = Float64Array.from({ length: rows }, (_, i) => i * 1000 + 1);
  const columns: AttributeColumn[] = [
    { attribute: 'a', rows: a, dictionary: numbers },
    { attribute: 'b', rows: b, dictionary: numbers },
  ];
  const index = indexOf(columns);
  const { ids, sums } = createGroupBy(index)({ columns, rows, parts: [{ measures: [values] }] })[0]!;
  const expected = new Map<string, number>();
  for (let row = 0; row < rows; row++) {
    const key = JSON.stringify([
      ['a', a[row]],
      ['b', b[row]],
    ]);
    expected.set(key, (expected.get(key) ?? 0) + values[row]!);
  }
  t.deepEqual(new Map([...ids].map((id, group) => [seriesKey(index, id), sums[0]![group]!])), expected);
});

/** The sums of each group by the text of its attributes. */
function naiveSums(columns: readonly AttributeColumn[], values: Float64Array, places: Iterable<number>) {
  const sums = new Map<string, number>();
  for (const row of places) {
    const pairs = columns.flatMap(({ attribute, rows, through, dictionary }) => {
      const code = rows[row]!;
      const value = dictionary.at(through === undefined ? code : (through[code] ?? ABSENT));
      return value === undefined ? [] : [[attribute, value] as const];
    });
    const key = JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
    sums.set(key, (sums.get(key) ?? 0) + values[row]!);
  }
  return sums;
}

test('with columns of two ends, groups, ids and sums are those of the columns one by one, over changing windows', (t) => {
  let state = 5;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const codes = (length: number, limit: number) => Uint32Array.from({ length }, () => random(limit) || ABSENT);
  const endpoints = 300;
  const mapped = ['zone', 'owner', 'kind'].map(() => codes(endpoints, 9));
  let grouping: { readonly index: SeriesIndex; readonly groupBy: GroupBy } | undefined;
  const idOf = new Map<string, number>();
  for (let window = 0; window < 10; window++) {
    const rows = 4500 + random(2000);
    // Endpoints change, some rows name one that is not known yet, and ports take more and more bits.
    mapped[window % 3] = mapped[window % 3]!.slice();
    mapped[window % 3]![random(endpoints)] = 20 + window;
    const beyond = window % 4 === 3 ? 5 : 0;
    const [src, dst] = [0, 1].map(() => Uint32Array.from({ length: rows }, () => random(endpoints + beyond)));
    const ports = codes(rows, window < 5 ? 4 : 2 ** (window * 3));
    const columns: AttributeColumn[] = [
      ...mapped.map((through, c) => ({ attribute: `src.${c}`, rows: src!, through, dictionary: numbers })),
      ...mapped.map((through, c) => ({ attribute: `dst.${c}`, rows: dst!, through, dictionary: numbers })),
      { attribute: 'port', rows: ports, dictionary: numbers },
      { attribute: 'role', rows: Uint8Array.from({ length: rows }, () => random(3)), dictionary: numbers },
      { attribute: 'port2', rows: Uint16Array.from(codes(rows, 3)), dictionary: numbers },
    ];
    if (grouping === undefined) {
      const index = indexOf(columns);
      grouping = { index, groupBy: createGroupBy(index) };
    }
    const { index, groupBy } = grouping;
    const values = Float64Array.from({ length: rows }, () => random(2 ** 24) * 2 ** 20);
    const places = Uint32Array.from({ length: rows }, (_, row) => row).filter(() => random(3) === 0);
    const [all, some] = groupBy({ columns, rows, parts: [{ measures: [values] }, { places, measures: [values] }] });
    const sumsOf = ({ ids, sums }: Groups) => new Map([...ids].map((id, at) => [seriesKey(index, id), sums[0]![at]!]));
    t.deepEqual([...sumsOf(all!)], [...naiveSums(columns, values, new Array(rows).keys())]);
    t.deepEqual([...sumsOf(some!)], [...naiveSums(columns, values, places)]);
    for (const id of all!.ids) {
      const key = seriesKey(index, id);
      t.is(idOf.get(key) ?? id, id);
      idOf.set(key, id);
    }
    t.is(index.size, idOf.size, 'no series comes twice');
  }
});
