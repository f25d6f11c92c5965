import test from 'ava';
import { ABSENT, type AttributeColumn, numbers } from './dictionary.ts';
import { createGroupBy } from './group-by.ts';
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
