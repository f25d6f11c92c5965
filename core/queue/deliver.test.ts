import test from 'ava';
import { accepted, createQueueHarness, TIMEOUT_MS, unavailable, windowOf } from '../../test/support/queue-harness.ts';

test('waits grow to the longest interval, and the reason stands in the log', async (t) => {
  const { exporter, nextAttempt, clock, host, settle } = createQueueHarness();
  exporter.export(windowOf(1));
  for (const wait of [1000, 2000, 3000, 3000]) {
    (await nextAttempt()).answer(unavailable);
    await clock.untilSleeping(wait);
    t.deepEqual(host.log.at(-1), {
      level: 'info',
      message: 'Exporting failed. Will retry the request after interval.',
      fields: { error: 'unavailable', interval: `${wait / 1000}s` },
    });
    clock.advance(wait);
  }
  (await nextAttempt()).answer(accepted);
  await settle();
  t.true(exporter.hasRoom());
});

test('a server that asks for a pause gets it', async (t) => {
  const { exporter, nextAttempt, clock, host } = createQueueHarness();
  exporter.export(windowOf(1));
  (await nextAttempt()).answer({ ...unavailable, throttleMs: 12_000 });
  await clock.untilSleeping(12_000);
  t.like(host.log.at(-1)?.fields, { error: 'Throttle (12s), error: unavailable', interval: '12s' });
});

test('a request is given up when the next wait would end too late', async (t) => {
  const { exporter, nextAttempt, clock, host, settle, count } = createQueueHarness({
    retry: { max_elapsed_time: 3500 },
  });
  exporter.export(windowOf(1));
  for (const wait of [1000, 2000]) {
    (await nextAttempt()).answer(unavailable);
    await clock.untilSleeping(wait);
    clock.advance(wait);
  }
  (await nextAttempt()).answer(unavailable);
  await settle();
  t.is(count('send_failed_metric_points'), 1);
  t.like(host.log.at(-1), {
    level: 'error',
    message: 'Exporting failed. Dropping data.',
    fields: { error: 'no more retries left: unavailable', dropped_items: 1 },
  });
});

test('a permanent error is not sent again', async (t) => {
  const { exporter, nextAttempt, attempts, settle, host, count } = createQueueHarness();
  exporter.export(windowOf(1));
  (await nextAttempt()).answer({ outcome: 'permanent', error: 'too large' });
  await settle();
  t.is(attempts.length, 1);
  t.is(count('send_failed_metric_points'), 1);
  t.is(host.log.at(-1)?.fields.error, 'not retryable error: Permanent error: too large');
});

test('without retries a passing error gives up at once and says which option would help', async (t) => {
  const { exporter, nextAttempt, settle, host } = createQueueHarness({ retry: { enabled: false } });
  exporter.export(windowOf(1));
  (await nextAttempt()).answer(unavailable);
  await settle();
  const advice = ' Try enabling retry_on_failure config option to retry on retryable errors.';
  t.is(host.log.at(-1)?.message, `Exporting failed. Dropping data.${advice}`);
});

test('of a request in several bodies only what was not accepted is sent again', async (t) => {
  const { exporter, nextAttempt, clock, settle, attempts, count } = createQueueHarness();
  exporter.export([...windowOf(1), ...windowOf(2), ...windowOf(3)]);
  (await nextAttempt()).answer(accepted);
  (await nextAttempt()).answer(unavailable);
  await clock.untilSleeping(1000);
  clock.advance(1000);
  (await nextAttempt()).answer(accepted);
  (await nextAttempt()).answer(accepted);
  await settle();
  t.deepEqual(
    attempts.map((attempt) => attempt.value),
    [1, 2, 2, 3],
  );
  t.is(count('sent_metric_points'), 3);
});

test('an attempt without an answer ends at the timeout and is retried', async (t) => {
  const { exporter, nextAttempt, clock, host } = createQueueHarness();
  exporter.export(windowOf(1));
  const attempt = await nextAttempt();
  await clock.untilSleeping(TIMEOUT_MS);
  clock.advance(TIMEOUT_MS);
  await clock.untilSleeping(1000);
  t.true(attempt.signal.aborted);
  t.is(host.log.at(-1)?.fields.error, 'request is cancelled or timed out: no answer within 7s');
});
