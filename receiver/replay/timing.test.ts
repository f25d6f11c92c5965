import test from 'ava';
import { SECOND_NS } from '../../core/table/testing.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { createRecordings, recordedLine as line, T0 } from '../../test/support/recordings.ts';
import { replayConfig, startReplay } from './test-replay.ts';

const { written, remove } = createRecordings();
test.after.always(remove);

test('at real speed each window is handed over when it was, and nothing after a stop', async (t) => {
  const path = written([5n, 10n, 20n].map((at) => line({ at })).join(''));
  const clock = createManualClock();
  const { receiver, tables } = startReplay(createRecordingHost('replay', clock), replayConfig(path, { speed: 1 }));
  await receiver.start?.();
  for (const [milliseconds, played] of [
    [5000, 1],
    [5000, 2],
  ] as const) {
    await clock.untilSleeping(milliseconds);
    t.is(tables.length, played - 1);
    clock.advance(milliseconds);
  }
  await clock.untilSleeping(10_000);
  t.is(tables.length, 2);
  await receiver.stop?.();
  t.is(tables.length, 2);
  t.is(tables[1]?.window.endNs, T0 + 10n * SECOND_NS);
});

test('times can be those of the replay, shorter by the speed; rounds of a loop follow each other', async (t) => {
  const path = written([5n, 10n].map((at) => line({ at })).join(''));
  for (const [times, ends] of [
    ['now', [500n, 1000n, 1500n, 2000n].map((ms) => T0 + ms * 1_000_000n)],
    ['recorded', [5n, 10n, 15n, 20n].map((seconds) => T0 + seconds * SECOND_NS)],
  ] as const) {
    const clock = createManualClock(T0);
    const config = replayConfig(path, { speed: 10, times, loop: true });
    const { receiver, tables } = startReplay(createRecordingHost('replay', clock), config);
    await receiver.start?.();
    for (let window = 0; window < 4; window++) {
      await clock.untilSleeping(500);
      clock.advance(500);
    }
    await clock.untilSleeping(500);
    await receiver.stop?.();
    t.deepEqual(
      tables.map(({ window }) => window.endNs),
      ends,
    );
    t.deepEqual(
      tables.slice(1).map(({ window }) => window.startNs),
      ends.slice(0, 3),
    );
  }
});

test('at full speed with the times of the replay, windows join', async (t) => {
  const clock = createManualClock(T0);
  const path = written([5n, 10n].map((at) => line({ at })).join(''));
  const { receiver, tables } = startReplay(
    createRecordingHost('replay', clock),
    replayConfig(path, { times: 'now' }),
    () => clock.advance(3),
  );
  await receiver.start?.();
  await receiver.ended?.();
  t.deepEqual(
    tables.map(({ window }) => window),
    [
      { startNs: T0, endNs: T0 + 1n },
      { startNs: T0 + 1n, endNs: T0 + 3_000_000n },
    ],
  );
});

test('without room it waits, and nothing is left out', async (t) => {
  const path = written([5n, 10n, 15n].map((at) => line({ at })).join(''));
  const { receiver, tables, room } = startReplay(createRecordingHost('replay'), replayConfig(path));
  room.left = 1;
  const asked = new Promise<void>((resolve) => {
    const poll = () => (room.wake.toString() === '() => undefined' ? setImmediate(poll) : resolve());
    poll();
  });
  await receiver.start?.();
  await asked;
  t.is(tables.length, 1);
  room.left = Infinity;
  room.wake();
  await receiver.ended?.();
  t.is(tables.length, 3);
});
