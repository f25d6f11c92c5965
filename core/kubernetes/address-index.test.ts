import test from 'ava';
import { CLOCK_SKEW_MS, createAddressIndex, RETENTION_MS } from './address-index.ts';

const NOW = 1_000_000;
const holders = (index: ReturnType<typeof createAddressIndex<string>>, timeMs: number) =>
  index.at('10.0.0.1', timeMs).map(({ holder }) => holder);

test('an address that was used again belongs to the holder at the time of the flow', (t) => {
  const index = createAddressIndex<string>();
  const first = index.open('10.0.0.1', 'first', 0, 1000);
  index.close(first, 5000, 5000);
  index.open('10.0.0.1', 'second', 0, 8000);
  t.deepEqual(holders(index, 3000), ['first', 'second']);
  t.is(holders(index, 6000)[0], 'first', 'the tail of its traffic, before the next began');
  t.is(holders(index, 8000)[0], 'second');
  t.is(holders(index, NOW)[0], 'second');
});

test('of two that seem to hold it, the later to begin does', (t) => {
  const index = createAddressIndex<string>();
  index.open('10.0.0.1', 'its end was missed', 0, 1000);
  index.open('10.0.0.1', 'second', 0, 8000);
  t.is(holders(index, 7999)[0], 'its end was missed');
  t.is(holders(index, 8000)[0], 'second');
});

test('a lower rank wins at any time', (t) => {
  const index = createAddressIndex<string>();
  const pod = index.open('10.0.0.1', 'pod', 0, 1000);
  index.open('10.0.0.1', 'slice', 3, 500);
  index.close(pod, 5000, 5000);
  t.deepEqual(holders(index, 6000), ['pod', 'slice']);
});

test('a holder is found a little before its claim begins and a while after it ended, and no more', (t) => {
  const index = createAddressIndex<string>();
  const claim = index.open('10.0.0.1', 'pod', 0, NOW);
  t.deepEqual(holders(index, NOW - CLOCK_SKEW_MS), ['pod']);
  t.deepEqual(holders(index, NOW - CLOCK_SKEW_MS - 1), []);
  index.close(claim, NOW + 1, NOW + 1);
  t.deepEqual(holders(index, NOW + 1 + RETENTION_MS), ['pod']);
  t.deepEqual(holders(index, NOW + 2 + RETENTION_MS), []);
});

test('an ended claim is forgotten when its end has been known for the retention, in whatever order', (t) => {
  const index = createAddressIndex<string>();
  const claims = ['a', 'b', 'c'].map((holder, i) => index.open('10.0.0.1', holder, 0, i));
  index.open('10.0.0.2', 'other', 0, 0);
  for (const i of [1, 2, 0]) index.close(claims[i]!, 10, 1000 * i);
  t.deepEqual(index.expire(999 + RETENTION_MS), []);
  t.deepEqual(holders(index, 5).sort(), ['a', 'b', 'c']);
  t.deepEqual(index.expire(1000 + RETENTION_MS), ['10.0.0.1']);
  t.deepEqual(holders(index, 5).sort(), ['a', 'c']);
  t.is(index.expire(2000 + RETENTION_MS).length, 2);
  t.deepEqual(holders(index, 5), []);
  t.is(index.size, 1);
});
