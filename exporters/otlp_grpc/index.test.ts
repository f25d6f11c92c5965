import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { tableOf } from '../../test/support/metric-tables.ts';
import { starterOf } from '../../test/support/otlp-exporter.ts';
import { decodeRequest } from '../../test/support/otlp-protos.ts';
import { startOtlpSink, unavailable } from '../../test/support/otlp-sink.ts';
import otlpGrpc from './index.ts';

const RESOURCE_EXHAUSTED = 8;
const insecure = { insecure: true };

const windowOf = (value: number) => [tableOf([{ attributes: { 'dst.port': 443, name: 'größer' }, value }])];

const startExporter = starterOf(otlpGrpc);

test('points arrive as they were, with headers and the name of this build', async (t) => {
  const sink = await startOtlpSink();
  const { exporter, host } = await startExporter({
    endpoint: sink.grpcAddress,
    tls: insecure,
    headers: { 'X-Tenant': 'blue' },
  });
  exporter.export(windowOf(18_234));
  await exporter.stop?.();
  t.deepEqual(sink.points, [
    {
      metric: 'beyla.network.flow.bytes',
      unit: 'By',
      attributes: { 'dst.port': 443, name: 'größer' },
      value: 18_234,
      startNs: 1_700_000_000_000_000_000n,
      timeNs: 1_700_000_005_000_000_000n,
      temporality: 'delta',
      resource: { 'service.name': 'weir', 'host.name': 'node-1' },
      scope: 'weir',
    },
  ]);
  const headers = sink.requests[0]?.headers;
  t.is(headers?.['x-tenant'], 'blue');
  t.regex(headers?.['user-agent'] ?? '', /^weir\/0\.1\.0 \(linux\/\w+\) grpc-node-js\//);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 1);
  await sink.close();
});

/** The headers and the framed message of one call, as they stand on the wire. */
async function onTheWire(compression: string) {
  const server = http2.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const received = new Promise<{ headers: http2.IncomingHttpHeaders; frame: Buffer }>((resolve) => {
    server.on('stream', async (stream, headers) => {
      const frame = Buffer.concat(await stream.toArray());
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
      resolve({ headers, frame });
    });
  });
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { exporter } = await startExporter({ endpoint, tls: insecure, compression });
  exporter.export(windowOf(7));
  const result = await received;
  await exporter.stop?.();
  server.close();
  return result;
}

test('a compressed message is gzip of the fastest level and says so', async (t) => {
  const fastest = 4;
  const { headers, frame } = await onTheWire('gzip');
  t.is(headers['grpc-encoding'], 'gzip');
  t.is(frame[0], 1);
  t.is(frame.readUInt32BE(1), frame.length - 5);
  const body = frame.subarray(5);
  t.is(body[8], fastest);
  t.is(decodeRequest(gunzipSync(body)).resourceMetrics.length, 1);
});

test('with compression none the message is plain', async (t) => {
  const { headers, frame } = await onTheWire('none');
  t.is(headers['grpc-encoding'], undefined);
  t.is(frame[0], 0);
  t.is(decodeRequest(frame.subarray(5)).resourceMetrics.length, 1);
});

test('a server that is unavailable and then accepts gets every window once, in order', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push(unavailable, unavailable, unavailable);
  const { exporter, clock, host } = await startExporter({
    endpoint: sink.grpcAddress,
    tls: insecure,
    sending_queue: { queue_size: 3 },
  });
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  t.false(exporter.hasRoom());
  const room = new Promise<void>((resolve) => exporter.onRoom(resolve));
  for (let attempt = 0; attempt < 3; attempt++) {
    await clock.untilSleeping(1000);
    t.is(host.log.at(-1)?.fields.error, 'rpc error: code = Unavailable desc = try again later');
    clock.advance(1000);
  }
  await room;
  exporter.export(windowOf(4));
  await exporter.stop?.();
  t.deepEqual(
    sink.points.map((point) => point.value),
    [1, 2, 3, 4],
  );
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 4);
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 0);
  await sink.close();
});

test('RESOURCE_EXHAUSTED with RetryInfo waits as long as the server asks', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ grpcStatus: RESOURCE_EXHAUSTED, message: 'slow down', retryDelayMs: 2500 });
  const { exporter, clock, host } = await startExporter({ endpoint: sink.grpcAddress, tls: insecure });
  exporter.export(windowOf(1));
  await clock.untilSleeping(2500);
  const error = 'Throttle (2.5s), error: rpc error: code = ResourceExhausted desc = slow down';
  t.deepEqual(host.log.at(-1)?.fields, { error, interval: '2.5s' });
  clock.advance(2500);
  await exporter.stop?.();
  t.is(sink.points.length, 1);
  await sink.close();
});

test('RESOURCE_EXHAUSTED without RetryInfo is given up and counted', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ grpcStatus: RESOURCE_EXHAUSTED, message: 'message larger than max (5000000 vs. 4194304)' });
  const { exporter, host } = await startExporter({ endpoint: sink.grpcAddress, tls: insecure });
  exporter.export(windowOf(1));
  await exporter.stop?.();
  t.is(sink.requests.length, 1);
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 1);
  t.is(
    host.log.at(-1)?.fields.error,
    'not retryable error: Permanent error: ' +
      'rpc error: code = ResourceExhausted desc = message larger than max (5000000 vs. 4194304)',
  );
  await sink.close();
});

test('a partial success is warned about and not sent again', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ rejectedPoints: 1, message: 'too old' });
  const { exporter, host } = await startExporter({ endpoint: sink.grpcAddress, tls: insecure });
  exporter.export(windowOf(1));
  await exporter.stop?.();
  t.is(sink.requests.length, 1);
  t.like(host.log.at(-1), { level: 'warn', fields: { message: 'too old', dropped_data_points: 1 } });
  await sink.close();
});

test('an attempt ends at the timeout when the server never answers', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ hang: true });
  const { exporter, clock, host } = await startExporter({ endpoint: sink.grpcAddress, tls: insecure, timeout: '4s' });
  exporter.export(windowOf(1));
  await sink.until(() => sink.requests.length === 1);
  clock.advance(4000);
  await clock.untilSleeping(1000);
  t.is(host.log.at(-1)?.fields.error, 'request is cancelled or timed out: no answer within 4s');
  clock.advance(1000);
  await exporter.stop?.();
  t.is(sink.points.length, 1);
  await sink.close();
});

test('an endpoint where nobody listens is retried', async (t) => {
  const sink = await startOtlpSink();
  const { exporter, clock, host } = await startExporter({ endpoint: sink.grpcAddress, tls: insecure });
  await sink.close();
  exporter.export(windowOf(1));
  await clock.untilSleeping(1000);
  t.regex(String(host.log.at(-1)?.fields.error), /^rpc error: code = Unavailable desc = .*ECONNREFUSED/);
  await exporter.stop?.();
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 1);
});
