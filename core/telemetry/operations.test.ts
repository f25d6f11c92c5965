import test from 'ava';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { bucketStartsMs, createOperations, MAX_SAMPLES } from './operations.ts';

const EPOCH_NS = 1_700_000_000_000_000_000n;

test('an operation is in the bucket of its latency, which begins where the one before ends', (t) => {
  const clock = createManualClock(EPOCH_NS);
  const operations = createOperations(clock);
  const operation = operations.named('receiver/in/MetricsReceived');
  // Durations that a sum of them holds exactly: powers of two.
  for (const durationMs of [0, 2 ** -7, 2 ** -6, 2 ** -2, 2 ** -1, 1, 2, 16, 128, 1024, 2 ** 14, 2 ** 17]) {
    const end = operation.begin();
    clock.advance(durationMs);
    end();
  }
  const [report] = operations.report();
  t.is(report?.buckets.length, bucketStartsMs.length);
  t.deepEqual(
    report?.buckets.map(({ samples }) => samples.map(({ durationMs }) => durationMs)),
    [[2 ** -7, 0], [2 ** -6], [0.5, 0.25], [2, 1], [16], [128], [1024], [2 ** 14], [2 ** 17]],
  );
  t.is(report?.buckets[5]?.samples[0]?.startedNs, EPOCH_NS + 19_773_438n);
});

test('what runs is told with the time so far, and what failed with the reason, each once', (t) => {
  const clock = createManualClock(EPOCH_NS);
  const operations = createOperations(clock);
  const operation = operations.named('exporter/out/metrics');
  t.is(operations.named('exporter/out/metrics'), operation);
  const first = operation.begin();
  clock.advance(5);
  operation.begin();
  clock.advance(7);
  const [before] = operations.report();
  t.deepEqual(before?.running, {
    count: 2,
    samples: [
      { startedNs: EPOCH_NS, durationMs: 12 },
      { startedNs: EPOCH_NS + 5_000_000n, durationMs: 7 },
    ],
  });
  first('refused');
  first();
  const [after] = operations.report();
  t.is(after?.running.count, 1);
  t.deepEqual(after?.failed, { count: 1, samples: [{ startedNs: EPOCH_NS, durationMs: 12, failure: 'refused' }] });
  t.true(after?.buckets.every(({ count }) => count === 0));
});

test('only the latest samples are kept, while all are counted', (t) => {
  const clock = createManualClock(EPOCH_NS);
  const operations = createOperations(clock);
  for (let number = 0; number < 3 * MAX_SAMPLES; number++) {
    clock.advance(1);
    operations.named('busy').begin()();
  }
  const [tally] = operations.report()[0]?.buckets ?? [];
  t.is(tally?.count, 3 * MAX_SAMPLES);
  t.deepEqual(
    tally?.samples.map(({ startedNs }) => Number((startedNs - EPOCH_NS) / 1_000_000n)),
    Array.from({ length: MAX_SAMPLES }, (_, at) => 3 * MAX_SAMPLES - at),
  );
});
