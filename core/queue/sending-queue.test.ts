import test from 'ava';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import {
  accepted,
  createQueueHarness,
  sendingConfig,
  unavailable,
  windowOf,
} from '../../test/support/queue-harness.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { createSendingExporter, DRAIN_TIMEOUT_MS, QUEUE_MEMORY_BYTES } from './sending-queue.ts';

test('requests arrive in order, one at a time', async (t) => {
  const { exporter, nextAttempt, attempts, settle, count } = createQueueHarness();
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  await settle();
  t.is(attempts.length, 1);
  for (const value of [1, 2, 3]) {
    const attempt = await nextAttempt();
    t.is(attempt.value, value);
    attempt.answer(accepted);
  }
  await settle();
  t.is(count('sent_metric_points'), 3);
  t.is(count('queue_size'), 0);
});

test('what is being sent or waits for a retry keeps its place, and room is called out once it is free', async (t) => {
  const { exporter, nextAttempt, clock, settle, count } = createQueueHarness();
  let calls = 0;
  exporter.onRoom(() => calls++);
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  (await nextAttempt()).answer(unavailable);
  await clock.untilSleeping(1000);
  t.false(exporter.hasRoom());
  t.is(count('queue_size'), 3);
  t.is(count('in_flight_requests'), 1);
  clock.advance(1000);
  (await nextAttempt()).answer(accepted);
  await settle();
  t.is(calls, 1);
  t.true(exporter.hasRoom());
});

test('without room a request is refused and counted, and nobody is called who did not ask', async (t) => {
  const { exporter, nextAttempt, settle, host, count } = createQueueHarness({ queue: { queue_size: 1 } });
  exporter.export(windowOf(1));
  exporter.export(windowOf(2));
  t.is(count('enqueue_failed_metric_points'), 1);
  t.like(host.log.at(-1), {
    level: 'error',
    message: 'Exporting failed. Rejecting data.',
    fields: { error: 'sending queue is full', rejected_items: 1 },
  });
  (await nextAttempt()).answer(accepted);
  await settle();
  t.is(count('sent_metric_points'), 1);
});

test('queued tables that hold too much memory leave no room, but one request is always taken', async (t) => {
  const { exporter } = createQueueHarness();
  const points = Math.ceil(QUEUE_MEMORY_BYTES / 12);
  const large = { ...tableOf([{ attributes: {}, value: 1 }]), ids: new Uint32Array(points) };
  t.true(exporter.hasRoom());
  exporter.export([{ ...large, values: new Float64Array(points) }]);
  t.false(exporter.hasRoom());
});

test('without a queue there is room for one request, and a failure says that a queue would help', async (t) => {
  const { exporter, nextAttempt, settle, host } = createQueueHarness({
    queue: { enabled: false },
    retry: { enabled: false },
  });
  exporter.export(windowOf(1));
  t.false(exporter.hasRoom());
  (await nextAttempt()).answer(unavailable);
  await settle();
  t.like(host.log.at(-1), {
    message: 'Exporting failed. Rejecting data. Try enabling sending_queue to survive temporary failures.',
    fields: { error: 'unavailable', rejected_items: 1 },
  });
  t.true(exporter.hasRoom());
});

test('points that the server rejected inside an accepted request are failed points and never sent again', async (t) => {
  const { exporter, nextAttempt, settle, attempts, host, count } = createQueueHarness();
  exporter.export(windowOf(1));
  (await nextAttempt()).answer({ outcome: 'accepted', rejectedPoints: 1, message: 'too old' });
  await settle();
  t.is(attempts.length, 1);
  t.is(count('sent_metric_points'), 0);
  t.is(count('send_failed_metric_points'), 1);
  t.deepEqual(host.log.at(-1), {
    level: 'warn',
    message: 'Partial success response',
    fields: { message: 'too old', dropped_data_points: 1 },
  });
});

test('a stop gives a waiting retry one more attempt and each waiting request one', async (t) => {
  const { exporter, nextAttempt, clock, attempts, host, count, stops } = createQueueHarness();
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  (await nextAttempt()).answer(unavailable);
  await clock.untilSleeping(1000);
  const stopped = exporter.stop?.();
  (await nextAttempt()).answer(accepted);
  (await nextAttempt()).answer(unavailable);
  (await nextAttempt()).answer(accepted);
  await stopped;
  t.deepEqual(
    attempts.map((attempt) => attempt.value),
    [1, 1, 2, 3],
  );
  t.is(count('sent_metric_points'), 2);
  t.is(count('send_failed_metric_points'), 1);
  t.is(host.log.at(-1)?.fields.error, 'interrupted due to shutdown: unavailable');
  t.is(stops(), 1);
  await exporter.stop?.();
  t.is(stops(), 1);
  exporter.export(windowOf(4));
  t.is(count('enqueue_failed_metric_points'), 1);
});

test('a stop is over in time when the server never answers, and what is left is counted', async (t) => {
  const { exporter, nextAttempt, clock, count } = createQueueHarness({ queue: { queue_size: 10 } });
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  await nextAttempt();
  const stopped = exporter.stop?.();
  await clock.untilSleeping(DRAIN_TIMEOUT_MS);
  clock.advance(DRAIN_TIMEOUT_MS);
  await stopped;
  t.is(count('sent_metric_points'), 0);
  t.is(count('send_failed_metric_points'), 3);
});

test('more consumers send more requests at the same time', async (t) => {
  const { exporter, attempts, settle } = createQueueHarness({ queue: { num_consumers: 2 } });
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  await settle();
  t.deepEqual(
    attempts.map((attempt) => attempt.value),
    [1, 2],
  );
});

test('a stop before the start has nothing to do', async (t) => {
  await t.notThrowsAsync(async () => createQueueHarness().exporter.stop?.());
});

test('an encoder that fails costs its request and no other', async (t) => {
  const host = createRecordingHost('otlp_grpc', createManualClock());
  let requests = 0;
  const exporter = createSendingExporter(host, sendingConfig(), {
    transport: { send: async () => accepted },
    openEncoder: () =>
      async function* () {
        if (requests++ === 0) throw new Error('no memory');
        yield { body: new Uint8Array(1), points: 1 };
      },
  });
  exporter.export(windowOf(1));
  exporter.export(windowOf(2));
  await exporter.stop?.();
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 1);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 1);
});

test('each request is settled once: delivered, given up, or interrupted by the stop', async (t) => {
  const { exporter, nextAttempt, settle, stops } = createQueueHarness();
  const settled: string[] = [];
  const exported = (value: number) => exporter.export(windowOf(value), (how) => settled.push(`${value} ${how}`));
  exporter.export([], (how) => settled.push(`nothing ${how}`));
  for (const value of [1, 2, 3, 4]) exported(value);
  t.deepEqual(settled, ['nothing delivered', '4 given_up']);
  (await nextAttempt()).answer(accepted);
  (await nextAttempt()).answer({ outcome: 'permanent', error: 'no' });
  await nextAttempt().then(async (attempt) => {
    t.deepEqual(settled.slice(2), ['1 delivered', '2 given_up']);
    exported(5);
    void exporter.stop?.();
    await settle();
    attempt.answer(unavailable);
  });
  (await nextAttempt()).answer(accepted);
  await settle();
  t.deepEqual(settled.slice(4), ['3 interrupted', '5 delivered']);
  t.is(stops(), 1);
});
