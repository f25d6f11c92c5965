import test from 'ava';
import { numbers } from './dictionary.ts';
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
  t.deepEqual([index.intern([]), index.intern([]), index.size], [0, 0, 1]);
});

test('finds what was interned, over any growth, and appends nothing', (t) => {
  const index = new SeriesIndex([
    { name: 'a', dictionary: numbers },
    { name: 'b', dictionary: numbers },
  ]);
  for (let i = 0; i < 3000; i++) index.intern([i, i % 7]);
  t.deepEqual([index.find([0, 0]), index.find([2999, 3]), index.find([2999, 4])], [0, 2999, undefined]);
  t.is(index.size, 3000);
});
