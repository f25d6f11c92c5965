import test from 'ava';
import { MAX_NAMED_INDEX } from '../../native/index.ts';
import { BASE_STEP, baseFor, MAX_NAMESPACES } from './namespaces.ts';

const keyOf = (index: number) => index % 65_536;
/** What an index may be: the kernel counts in an int. */
const MAX_INDEX = 0x7fff_ffff;

test('indexes of namespaces are far from each other and from those of the host, and fit an index', (t) => {
  const bases = [0, 1, MAX_NAMESPACES - 1].map((number) => baseFor(number, [1, 2], new Set()));
  t.true(bases[0]! >= 2 ** 30);
  t.is(bases[1]! - bases[0]!, BASE_STEP);
  t.true(bases.at(-1)! + MAX_NAMED_INDEX <= MAX_INDEX);
});

test('no interface of a namespace has the key of another one, and there is room for more', (t) => {
  const taken = new Set([1, 2, 3, 40, 100].map(keyOf));
  const indexes = [1, 2];
  const base = baseFor(5, indexes, taken);
  for (const index of [...indexes, 3, 4, 10, 30]) t.false(taken.has(keyOf(base + index)), `${index}`);
});

test('hundreds of namespaces with the same indexes find a place each', (t) => {
  const taken = new Set<number>();
  for (let number = 0; number < 800; number++) {
    const indexes = [1, 2, 3];
    const base = baseFor(number, indexes, taken);
    for (const index of indexes) {
      t.false(taken.has(keyOf(base + index)));
      taken.add(keyOf(base + index));
    }
  }
});

test('an index as it was in the namespace where the interface was made finds a place as well', (t) => {
  const taken = new Set([1, 2, 3, 70_000].map(keyOf));
  const base = baseFor(1, [1, 70_000], taken);
  for (const index of [1, 70_000]) t.false(taken.has(keyOf(base + index)));
});
