import test from 'ava';
import { createShared } from './shared.ts';

test('the same agent and key get the same thing, which is closed with its last user', async (t) => {
  const closed: string[] = [];
  const acquire = createShared<string>(async (value) => void closed.push(value));
  const [agent, other] = [{}, {}];
  const one = acquire(agent, 'a', () => 'first');
  const two = acquire(agent, 'a', () => 'not made');
  t.is(two.value, 'first');
  t.is(acquire(agent, 'b', () => 'second').value, 'second');
  t.is(acquire(other, 'a', () => 'third').value, 'third');
  await one.release();
  await one.release();
  t.deepEqual(closed, []);
  await two.release();
  t.deepEqual(closed, ['first']);
  t.is(acquire(agent, 'a', () => 'new').value, 'new');
});
