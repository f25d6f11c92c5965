import { once } from 'node:events';
import tls from 'node:tls';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { createAllAttributes } from '../../core/pipeline/all-attributes.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { createTestTables } from '../../core/table/testing.ts';
import otlpHttp from '../../exporters/otlp_http/index.ts';
import { certificateFiles, createCertificate } from '../../test/support/certificate.ts';
import { configOf } from '../../test/support/component-config.ts';
import { decodeStatusBody, encodeRequest } from '../../test/support/otlp-protos.ts';
import { call, figure, joined, post, requestOf, startReceiver } from '../../test/support/otlp-receiver.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { until } from '../../test/support/until.ts';

const json = (request: string) => JSON.parse(request) as object;
const isMetric = (table: { readonly kind: string }): table is MetricTable => table.kind === 'metric';

test('flows that cannot be are told to the sender as a partial success, the others are taken', async (t) => {
  const receiver = await startReceiver();
  const request = joined(
    requestOf({ value: 7 }),
    requestOf({ attributes: { 'dst.address': 'cart' } }),
    requestOf({ value: -1 }),
  );
  const errorMessage = 'points are left out: an end without an address; not a whole number of bytes or packets';
  const partialSuccess = { rejectedDataPoints: '2', errorMessage };
  t.deepEqual(await (await post(receiver.httpUrl, request)).json(), { partialSuccess });
  t.deepEqual((await call(receiver.grpcAddress, encodeRequest(json(request)))).response, { partialSuccess });
  t.is(receiver.bytes(), 14);
  t.is(figure(receiver, 'accepted', 'grpc'), 1);
  t.is(figure(receiver, 'refused', 'grpc'), 2);
  t.is(receiver.host.log.filter(({ message }) => message === 'Points are left out.').length, 2);
  await receiver.stop();
});

test('bodies that are no requests are refused with what is wrong, and the next one is taken', async (t) => {
  const receiver = await startReceiver();
  const protobuf = { 'content-type': 'application/x-protobuf' };
  const cases: readonly (readonly [string | Buffer, Record<string, string>, RegExp])[] = [
    ['{"resourceMetr', {}, /it is not JSON/],
    ['{"resourceMetrics": 7}', {}, /resourceMetrics is no list/],
    ['{"resourceLogs": []}', {}, /it has no resourceMetrics/],
    ['not gzip', { 'content-encoding': 'gzip' }, /the body is not gzip/],
    ['{}', { 'content-encoding': 'brotli' }, /unsupported Content-Encoding: brotli/],
  ];
  for (const [body, headers, message] of cases) {
    const response = await post(receiver.httpUrl, body, headers);
    t.is(response.status, 400);
    const { code, message: said } = (await response.json()) as { code: number; message: string };
    t.is(code, 3);
    t.regex(said, message);
  }
  const cut = encodeRequest(json(requestOf({}))).subarray(0, 40);
  const binary = await post(receiver.httpUrl, cut, protobuf);
  t.is(binary.status, 400);
  t.is(binary.headers.get('content-type'), 'application/x-protobuf');
  t.like(decodeStatusBody(new Uint8Array(await binary.arrayBuffer())), {
    code: 3,
    message: 'malformed protobuf message: it ends within a field',
  });
  t.like(await call(receiver.grpcAddress, cut), {
    code: grpc.status.INVALID_ARGUMENT,
    details: 'malformed protobuf message: it ends within a field',
  });
  t.is((await post(receiver.httpUrl, requestOf({ value: 3 }))).status, 200);
  t.is(receiver.bytes(), 3);
  await receiver.stop();
});

test('bodies that are too large are refused for good, compressed and not', async (t) => {
  const http = { endpoint: '127.0.0.1:0', max_request_body_size: 1000 };
  const receiver = await startReceiver({
    protocols: { grpc: { endpoint: '127.0.0.1:0', max_recv_msg_size_mib: 1 }, http },
  });
  const large = ' '.repeat(2_000_000);
  t.is((await post(receiver.httpUrl, large)).status, 413);
  for (const [packed, packing] of [
    [gzipSync(large.slice(0, 100_000)), 'gzip'],
    [zstdCompressSync(large), 'zstd'],
  ] as const) {
    t.true(packed.length < 1000);
    const headers = { 'content-type': 'application/json', 'content-encoding': packing };
    t.is((await post(receiver.httpUrl, packed, headers)).status, 413);
  }
  t.is((await call(receiver.grpcAddress, Buffer.alloc(1_100_000))).code, grpc.status.RESOURCE_EXHAUSTED);
  t.is((await post(receiver.httpUrl, requestOf({ value: 3 }))).status, 200);
  await receiver.stop();
});

test('other paths, methods and content types are answered as the collector does', async (t) => {
  const receiver = await startReceiver();
  t.is((await post(receiver.httpUrl.replace('metrics', 'traces'), '{}')).status, 404);
  const get = await fetch(receiver.httpUrl);
  t.is(get.status, 405);
  t.is(await get.text(), '405 method not allowed, supported: [POST]');
  const text = await post(receiver.httpUrl, '{}', { 'content-type': 'text/plain' });
  t.is(text.status, 415);
  t.is((await post(receiver.httpUrl, '{}', { 'content-type': 'application/json; charset=utf-8' })).status, 200);
  t.is((await post(receiver.httpUrl, Buffer.alloc(0), { 'content-type': 'application/x-protobuf' })).status, 200);
  const packed = gzipSync(requestOf({ value: 4 }));
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  t.is((await post(receiver.httpUrl, packed, headers)).status, 200);
  t.is(receiver.bytes(), 4);
  await receiver.stop();
});

test('with a certificate both protocols speak TLS', async (t) => {
  const { cert, key } = createCertificate('IP:127.0.0.1');
  const secured = { endpoint: '127.0.0.1:0', tls: { cert_pem: cert, key_pem: key } };
  const receiver = await startReceiver({ protocols: { grpc: secured, http: secured } });
  const body = encodeRequest(json(requestOf({ value: 6 })));
  const credentials = grpc.credentials.createSsl(Buffer.from(cert));
  t.is((await call(receiver.grpcAddress, body, credentials)).code, 0);
  const host = createRecordingHost('otlp_http');
  const exporter = otlpHttp.create(
    configOf(otlpHttp, { endpoint: receiver.httpUrl.replace(/^http:(.*)\/v1.*/, 'https:$1'), tls: { ca_pem: cert } }),
    host,
  );
  await exporter.start?.();
  const rows = [{ 'src.address': '10.0.0.1', 'dst.address': '10.0.0.2', bytes: 5, packets: 1 }];
  exporter.export(createAllAttributes().flows!(createTestTables()(rows)).filter(isMetric));
  await exporter.stop?.();
  t.is(receiver.bytes(), 11);
  await receiver.stop();
});

test('with reload_interval both protocols show the certificate that is in the files now', async (t) => {
  const [before, after] = [createCertificate('IP:127.0.0.1'), createCertificate('IP:127.0.0.1')];
  const { certFile, keyFile, write } = certificateFiles(t, before);
  const block = { cert_file: certFile, key_file: keyFile, reload_interval: '1h' };
  const secured = { endpoint: '127.0.0.1:0', tls: block };
  const receiver = await startReceiver({ protocols: { grpc: secured, http: secured } });
  const ports = [receiver.grpcAddress, new URL(receiver.httpUrl).host].map((address) => Number(address.split(':')[1]));
  const said = (start: string) => receiver.host.log.filter(({ message }) => message.startsWith(start)).length;
  t.deepEqual(await Promise.all(ports.map(certificateAt)), [before.cert, before.cert]);
  write({ ...after, cert: before.cert });
  receiver.clock.advance(3_600_000);
  await until('both have tried', () => said('The TLS files cannot be used') === 2);
  t.deepEqual(await Promise.all(ports.map(certificateAt)), [before.cert, before.cert]);
  write(after);
  receiver.clock.advance(3_600_000);
  await until('both have read', () => said('The TLS files have changed') === 2);
  t.deepEqual(await Promise.all(ports.map(certificateAt)), [after.cert, after.cert]);
  await receiver.stop();
});

/** What a server on loopback shows, as PEM. */
async function certificateAt(port: number): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()!.toString();
  socket.destroy();
  return shown;
}
