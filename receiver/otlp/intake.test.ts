import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { createAllAttributes } from '../../core/pipeline/all-attributes.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { createTestTables } from '../../core/table/testing.ts';
import otlpGrpc from '../../exporters/otlp_grpc/index.ts';
import { configOf } from '../../test/support/component-config.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { encodeRequest } from '../../test/support/otlp-protos.ts';
import { call, figure, joined, post, requestOf, startReceiver } from '../../test/support/otlp-receiver.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { T0 } from '../../test/support/recordings.ts';
import { until } from '../../test/support/until.ts';

const json = (request: string) => JSON.parse(request) as object;
const isMetric = (table: { readonly kind: string }): table is MetricTable => table.kind === 'metric';

test('without room a request is refused in a way that its sender keeps it, and is taken whole later', async (t) => {
  const receiver = await startReceiver();
  receiver.room = 0;
  const request = requestOf({ value: 7 });
  const refused = await call(receiver.grpcAddress, encodeRequest(json(request)));
  t.is(refused.code, grpc.status.UNAVAILABLE);
  t.like(refused.status, { code: 14, details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo' }] });
  const http = await post(receiver.httpUrl, request);
  t.is(http.status, 503);
  t.is(http.headers.get('retry-after'), '1');
  t.like(await http.json(), { code: 14 });
  t.is(receiver.bytes(), 0);
  receiver.room = Infinity;
  t.is((await call(receiver.grpcAddress, encodeRequest(json(request)))).code, 0);
  t.deepEqual(await (await post(receiver.httpUrl, request)).json(), {});
  t.is(receiver.bytes(), 14);
  for (const transport of ['grpc', 'http']) {
    const labels = `reason="no_room",receiver="otlp",transport="${transport}"`;
    t.is(receiver.host.metric('otelcol_receiver_otlp_refused_requests_total', labels), 1);
  }
  await receiver.stop();
});

test('an exporter that found no room sends again, and nothing arrives twice', async (t) => {
  const receiver = await startReceiver();
  receiver.room = 0;
  const clock = createManualClock(T0);
  const exporter = otlpGrpc.create(
    configOf(otlpGrpc, {
      endpoint: receiver.grpcAddress,
      tls: { insecure: true },
      retry_on_failure: { initial_interval: '100ms', randomization_factor: 0 },
    }),
    createRecordingHost('otlp_grpc', clock),
  );
  await exporter.start?.();
  const rows = [{ 'src.address': '10.0.0.1', 'dst.address': '10.0.0.2', bytes: 5, packets: 1 }];
  exporter.export(createAllAttributes().flows!(createTestTables()(rows)).filter(isMetric));
  // What RetryInfo asks for is longer than the exporter's own wait.
  await clock.untilSleeping(1000);
  receiver.room = Infinity;
  clock.advance(1000);
  await until('it arrived', () => receiver.bytes() > 0);
  await exporter.stop?.();
  await receiver.stop();
  t.is(receiver.bytes(), 5);
});

test('the windows of one request wait for room, and no other request is taken meanwhile', async (t) => {
  const receiver = await startReceiver();
  receiver.room = 1;
  const request = joined(requestOf({ value: 1 }), requestOf({ value: 2, at: 10n }), requestOf({ value: 4, at: 15n }));
  t.is((await post(receiver.httpUrl, request)).status, 200);
  t.is(receiver.bytes(), 1);
  receiver.room = 1;
  t.is((await post(receiver.httpUrl, requestOf({ value: 8 }))).status, 503);
  receiver.makeRoom(1);
  await until('the second window was taken', () => receiver.tables.length === 2);
  t.is(receiver.bytes(), 3);
  await receiver.stop();
  t.is(receiver.bytes(), 7, 'what was taken is handed over at the end, room or not');
  t.is(figure(receiver, 'accepted', 'http'), 3);
});

test('flows that fail in every pipeline are counted, and the sender does not send them again', async (t) => {
  const receiver = await startReceiver();
  receiver.failing = true;
  const answer = await call(receiver.grpcAddress, encodeRequest(json(requestOf({ value: 1 }))));
  t.deepEqual(answer.response, {
    partialSuccess: { rejectedDataPoints: '1', errorMessage: 'points are left out: a processor failed' },
  });
  t.is(figure(receiver, 'failed', 'grpc'), 1);
  t.is(figure(receiver, 'accepted', 'grpc'), 0);
  await receiver.stop();
});
