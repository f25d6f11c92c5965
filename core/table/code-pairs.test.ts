import test from 'ava';
import { CodePairs, NOT_FOUND } from './code-pairs.ts';
import { ABSENT } from './dictionary.ts';

test('gives each pair its own number, over any growth, and the last one that it was given', (t) => {
  const pairs = new CodePairs();
  const of = (i: number): [number, number] => [i % 71, Math.floor(i / 71) - 40];
  for (let i = 0; i < 5000; i++) pairs.set(...of(i), i);
  t.is(pairs.size, 5000);
  t.true(Array.from({ length: 5000 }, (_, i) => pairs.find(...of(i)) === i).every(Boolean));
  pairs.set(...of(4711), 7);
  t.deepEqual([pairs.find(...of(4711)), pairs.size], [7, 5000]);
  t.is(pairs.find(71, 0), NOT_FOUND);
});

test('codes are 32 bits, whatever their sign, and 0 is one of them', (t) => {
  const pairs = new CodePairs();
  pairs.set(0, 0, 1);
  pairs.set(ABSENT, 0x8000_0000, 2);
  t.deepEqual([pairs.find(0, 0), pairs.find(-1, -0x8000_0000), pairs.find(0, -1)], [1, 2, NOT_FOUND]);
});

test('looks up many pairs at once, and says which have no number', (t) => {
  const pairs = new CodePairs();
  pairs.set(1, 2, 12);
  pairs.set(2, 1, 21);
  const numbers = new Uint32Array(5);
  const missing = new Uint32Array(3);
  const count = pairs.findBlock(Int32Array.of(1, 1, 2), Int32Array.of(2, 1, 1), 3, numbers, 2, missing);
  t.deepEqual([[...numbers], [...missing.subarray(0, count)]], [[0, 0, 12, 0, 21], [1]]);
});
