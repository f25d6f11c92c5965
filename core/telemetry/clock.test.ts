import test from 'ava';
import { systemClock } from './clock.ts';

const soon = () => new Promise<string>((resolve) => setTimeout(resolve, 20, 'still asleep'));

// Node's timers fire at once when they are asked for more than 2^31 ms.
test('a sleep may be longer than a timer of the runtime', async (t) => {
  const waking = new AbortController();
  const sleep = systemClock.sleep(30 * 24 * 3_600_000, waking.signal).then(() => 'awake');
  t.is(await Promise.race([sleep, soon()]), 'still asleep');
  waking.abort();
  t.is(await sleep, 'awake');
});

test('a sleep ends when its time is over, or at once when it was called off before', async (t) => {
  await systemClock.sleep(1);
  await systemClock.sleep(3_600_000, AbortSignal.abort());
  t.pass();
});
