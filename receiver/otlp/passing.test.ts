import test from 'ava';
import { MetricEncoder } from '../../core/otlp/encode.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { EVERY_KIND_POINTS, everyKind, protobufOf } from '../../test/support/every-kind.ts';
import { call, figure, joined, post, requestOf, startReceiver } from '../../test/support/otlp-receiver.ts';
import { until } from '../../test/support/until.ts';
import { senderOf } from './serving.ts';

const bytesOf = (tables: readonly ResourceMetricsTable[]) =>
  Buffer.concat([...new MetricEncoder().encode(tables, () => undefined)].map(({ body }) => Buffer.from(body)));

test('metrics that are no flows are taken as they are, with the address of their sender', async (t) => {
  const receiver = await startReceiver();
  const request = protobufOf(everyKind());
  t.deepEqual((await call(receiver.grpcAddress, request)).response, {});
  t.is((await post(receiver.httpUrl, request)).status, 200);
  t.deepEqual(await (await post(receiver.httpUrl, JSON.stringify(everyKind()))).json(), {});
  t.is(receiver.passed.length, 3);
  t.true(bytesOf(receiver.passed.slice(0, 1)).equals(request));
  t.true(bytesOf(receiver.passed.slice(1, 2)).equals(request));
  t.deepEqual(
    receiver.passed.map(({ sender }) => sender),
    ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  );
  t.is(figure(receiver, 'accepted', 'grpc'), EVERY_KIND_POINTS);
  t.is(figure(receiver, 'accepted', 'http'), 2 * EVERY_KIND_POINTS);
  t.is((figure(receiver, 'refused', 'grpc') ?? 0) + (figure(receiver, 'refused', 'http') ?? 0), 0);
  await receiver.stop();
});

test('flows and other metrics of one request go each their way', async (t) => {
  const receiver = await startReceiver();
  const request = joined(requestOf({ value: 7 }), JSON.stringify(everyKind()), requestOf({ value: 8, at: 10n }));
  t.deepEqual(await (await post(receiver.httpUrl, request)).json(), {});
  t.is(receiver.bytes(), 15);
  t.is(receiver.tables.length, 2);
  t.like(receiver.passed, { length: 1, 0: { points: EVERY_KIND_POINTS } });
  t.is(figure(receiver, 'accepted', 'http'), 2 + EVERY_KIND_POINTS);
  await receiver.stop();
});

test('without room a request is refused whole; what was taken beyond the room waits for it', async (t) => {
  const receiver = await startReceiver();
  receiver.room = 0;
  const request = joined(requestOf({ value: 7 }), JSON.stringify(everyKind()));
  t.is((await post(receiver.httpUrl, request)).status, 503);
  receiver.room = 1;
  t.is((await post(receiver.httpUrl, request)).status, 200);
  t.is(receiver.bytes(), 7);
  t.is(receiver.passed.length, 0);
  t.is((await post(receiver.httpUrl, request)).status, 503);
  receiver.makeRoom(1);
  await until('the rest was taken', () => receiver.passed.length === 1);
  await receiver.stop();
});

test('metrics that fail in every pipeline are counted, and their sender is told', async (t) => {
  const receiver = await startReceiver();
  receiver.failing = true;
  const errorMessage = 'points are left out: a processor failed';
  t.deepEqual((await call(receiver.grpcAddress, protobufOf(everyKind()))).response, {
    partialSuccess: { rejectedDataPoints: String(EVERY_KIND_POINTS), errorMessage },
  });
  t.is(figure(receiver, 'failed', 'grpc'), EVERY_KIND_POINTS);
  await receiver.stop();
});

test('a value in JSON that cannot be is told to the sender', async (t) => {
  const receiver = await startReceiver();
  const request = JSON.stringify(everyKind()).replace('"9223372036854775807"', '"many"');
  const response = await post(receiver.httpUrl, request);
  t.is(response.status, 400);
  t.like(await response.json(), { code: 3, message: 'asInt: "many" is no such integer' });
  t.is(receiver.passed.length, 0);
  await receiver.stop();
});

test('the address of a sender is written as others write it', (t) => {
  t.is(senderOf('::ffff:10.0.0.1'), '10.0.0.1');
  t.is(senderOf('fe80::1%eth0'), 'fe80::1');
  t.is(senderOf('fd00::5'), 'fd00::5');
  t.is(senderOf(undefined), undefined);
  t.is(senderOf('unknown'), undefined);
});
