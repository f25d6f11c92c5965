import test from 'ava';
import { ABSENT, listDictionary, numbers } from './dictionary.ts';
import { SeriesIndex } from './series-index.ts';

test('gives equal tuples one id, in the order of their first coming, over any growth', (t) => {
  const index = new SeriesIndex([
    { name: 'a', dictionary: numbers },
    { name: 'b', dictionary: numbers },
  ]);
  const tuples = Array.from({ length: 5000 }, (_, i) => [i % 70, i % 71] as const);
  const expected = new Map<string, number>();
  for (const tuple of tuples) {
    const key = tuple.join();
    if (!expected.has(key)) expected.set(key, expected.size);
    t.is(index.intern(tuple), expected.get(key)!);
  }
  t.is(index.size, expected.size);
  for (const [key, id] of expected) t.is(index.columns.map(({ codes }) => codes[id]).join(), key);
});

test('an index without columns has one series', (t) => {
  const index = new SeriesIndex([]);
  t.deepEqual([index.intern([]), index.intern([]), index.size, index.key(0)], [0, 0, 1, '[]']);
});

test('the key holds the attributes that are present, whatever the order of columns and the codes', (t) => {
  const one = new SeriesIndex([
    { name: 'port', dictionary: numbers },
    { name: 'name', dictionary: listDictionary(['x', '1']) },
    { name: 'zone', dictionary: listDictionary(['z']) },
  ]);
  const other = new SeriesIndex([
    { name: 'name', dictionary: listDictionary([undefined, '1']) },
    { name: 'port', dictionary: numbers },
  ]);
  t.is(one.key(one.intern([1, 1, ABSENT])), other.key(other.intern([1, 1])));
  t.not(one.key(one.intern([1, 1, ABSENT])), one.key(one.intern([1, 1, 0])));
});

test('a number and its text are different values in a key', (t) => {
  const number = new SeriesIndex([{ name: 'a', dictionary: numbers }]);
  const text = new SeriesIndex([{ name: 'a', dictionary: listDictionary(['1']) }]);
  t.not(number.key(number.intern([1])), text.key(text.intern([0])));
});
