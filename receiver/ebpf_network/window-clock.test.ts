import test from 'ava';
import { createFakeClock } from './kernel-table.fake.ts';
import { createWindowClock } from './window-clock.ts';

const SECOND = 1_000_000_000n;
const HOUR_MS = 3_600_000;

/** Lengths in seconds of windows that take five seconds each. */
async function lengths(
  clock: ReturnType<typeof createFakeClock>,
  windows: ReturnType<typeof createWindowClock>,
  count: number,
) {
  const all: number[] = [];
  let lastNs = windows.end();
  for (let window = 0; window < count; window++) {
    await clock.advance(5000);
    const endNs = windows.end();
    all.push(Math.round(Number(endNs - lastNs) / 1e3) / 1e6);
    lastNs = endNs;
  }
  return all;
}

test('windows are as long as they were, and end when the host says', async (t) => {
  const clock = createFakeClock();
  void clock.sleep(HOUR_MS);
  const windows = createWindowClock(clock, clock.nowNs());
  t.deepEqual(await lengths(clock, windows, 3), [5, 5, 5]);
});

test('a clock that was set forward makes one long window', async (t) => {
  const clock = createFakeClock();
  void clock.sleep(HOUR_MS);
  const windows = createWindowClock(clock, clock.nowNs());
  clock.step(HOUR_MS);
  await clock.advance(5000);
  t.is(windows.end(), clock.nowNs());
  t.deepEqual(await lengths(clock, windows, 2), [5, 5]);
});

test('a clock that was set back makes windows a little shorter until it has caught up', async (t) => {
  const clock = createFakeClock();
  void clock.sleep(HOUR_MS);
  const windows = createWindowClock(clock, clock.nowNs());
  clock.step(-1000);
  const aheadNs: bigint[] = [];
  let lastNs = clock.nowNs() + SECOND;
  for (let window = 0; window < 5; window++) {
    await clock.advance(5000);
    const endNs = windows.end();
    t.true(endNs - lastNs >= (5n * SECOND * 15n) / 16n && endNs - lastNs <= 5n * SECOND);
    aheadNs.push(endNs - clock.nowNs());
    lastNs = endNs;
  }
  t.deepEqual(aheadNs, [687_500_000n, 375_000_000n, 62_500_000n, 0n, 0n]);
});

test('windows go on after one that is said to have ended later than now, as an agent before may have', async (t) => {
  const clock = createFakeClock();
  void clock.sleep(HOUR_MS);
  const windows = createWindowClock(clock, clock.nowNs() + 10n * SECOND);
  await clock.advance(5000);
  t.is(windows.end() - clock.nowNs(), 10n * SECOND - (5n * SECOND) / 16n);
});

test('two windows at the same moment have some length', (t) => {
  const clock = createFakeClock();
  const windows = createWindowClock(clock, clock.nowNs());
  const first = windows.end();
  t.true(windows.end() > first);
});
