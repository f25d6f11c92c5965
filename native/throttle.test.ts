import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { throttle } from './throttle.ts';

function setUp() {
  let notify: (indexes: readonly number[]) => void = () => {};
  const calls: number[][] = [];
  let unsubscribed = 0;
  const watch = throttle(
    (given) => {
      notify = given;
      return () => {
        unsubscribed++;
      };
    },
    (indexes) => calls.push([...indexes]),
  );
  return { notify: (...indexes: number[]) => notify(indexes), calls, watch, unsubscribed: () => unsubscribed };
}

test('the first of a burst is told at once, the others together', async (t) => {
  const { notify, calls } = setUp();
  notify();
  t.deepEqual(calls, [[]]);
  for (const index of [3, 4, 3]) notify(index);
  t.is(calls.length, 1);
  while (calls.length < 2) await delay(1);
  t.deepEqual(calls, [[], [3, 4]]);
});

test('after the burst the next one is told at once again', async (t) => {
  const { notify, calls } = setUp();
  notify(1);
  while (calls.length < 2) {
    await delay(1);
    notify(2);
  }
  t.deepEqual(calls[0], [1]);
  t.deepEqual(calls[1], [2]);
});

test('nothing is told after the close', async (t) => {
  const { notify, calls, watch, unsubscribed } = setUp();
  notify(1);
  notify(2);
  watch.close();
  await delay(50);
  t.deepEqual(calls, [[1]]);
  t.is(unsubscribed(), 1);
});
