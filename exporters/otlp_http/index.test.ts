import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { problemsOf } from '../../test/support/component-config.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import { starterOf } from '../../test/support/otlp-exporter.ts';
import { startOtlpSink, unavailable } from '../../test/support/otlp-sink.ts';
import otlpHttp, { metricsUrl } from './index.ts';

const windowOf = (value: number) => [tableOf([{ attributes: { name: 'größer' }, value }])];

const startExporter = starterOf(otlpHttp);

for (const compression of ['gzip', 'zstd', 'none']) {
  test(`points arrive at /v1/metrics with compression ${compression}`, async (t) => {
    const sink = await startOtlpSink();
    const { exporter, host } = await startExporter({
      endpoint: sink.httpUrl,
      compression,
      headers: [{ name: 'X-Tenant', value: 'blue' }],
    });
    exporter.export(windowOf(42));
    await exporter.stop?.();
    t.is(sink.points[0]?.value, 42);
    t.like(sink.requests[0]?.headers, {
      ':path': '/v1/metrics',
      'content-type': 'application/x-protobuf',
      'x-tenant': 'blue',
      ...(compression === 'none' ? {} : { 'content-encoding': compression }),
    });
    t.is(host.metric('otelcol_exporter_sent_metric_points'), 1);
    await sink.close();
  });
}

test('requests share a connection', async (t) => {
  const sink = await startOtlpSink();
  const { exporter } = await startExporter({ endpoint: sink.httpUrl });
  for (const value of [1, 2, 3]) exporter.export(windowOf(value));
  await exporter.stop?.();
  t.deepEqual(
    sink.points.map((point) => point.value),
    [1, 2, 3],
  );
  t.is(new Set(sink.requests.map(({ headers }) => headers[':client'])).size, 1);
  await sink.close();
});

test('429, 502, 503 and 504 are sent again, once accepted never more', async (t) => {
  const sink = await startOtlpSink();
  const statuses = [429, 502, 503, 504];
  sink.answers.push(...statuses.map((httpStatus) => ({ httpStatus })));
  const { exporter, clock, host } = await startExporter({ endpoint: sink.httpUrl });
  exporter.export(windowOf(1));
  for (const status of statuses) {
    await clock.untilSleeping(1000);
    const error = `error exporting items, request to ${sink.httpUrl}/v1/metrics responded with HTTP Status Code ${status}`;
    t.is(host.log.at(-1)?.fields.error, error);
    clock.advance(1000);
  }
  await exporter.stop?.();
  t.is(sink.points.length, 1);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 1);
  await sink.close();
});

for (const [form, retryAfter] of [
  ['seconds', '7'],
  ['a date', new Date(1_700_000_007_000).toUTCString()],
] as const) {
  test(`Retry-After as ${form} is waited for`, async (t) => {
    const sink = await startOtlpSink();
    sink.answers.push({ ...unavailable, retryAfter });
    const { exporter, clock, host } = await startExporter({ endpoint: sink.httpUrl });
    exporter.export(windowOf(1));
    await clock.untilSleeping(7000);
    t.regex(String(host.log.at(-1)?.fields.error), /^Throttle \(7s\), error: .* 503, Message=try again later$/);
    clock.advance(7000);
    await exporter.stop?.();
    t.is(sink.points.length, 1);
    await sink.close();
  });
}

test('any other refusal is given up with the reason of the server', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ httpStatus: 400, message: 'no such tenant' });
  const { exporter, host } = await startExporter({ endpoint: sink.httpUrl });
  exporter.export(windowOf(1));
  await exporter.stop?.();
  t.is(sink.requests.length, 1);
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 1);
  t.regex(String(host.log.at(-1)?.fields.error), /^not retryable error: .* Status Code 400, Message=no such tenant$/);
  await sink.close();
});

test('a partial success is warned about and not sent again', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ rejectedPoints: 1, message: 'too old' });
  const { exporter, host } = await startExporter({ endpoint: sink.httpUrl });
  exporter.export(windowOf(1));
  await exporter.stop?.();
  t.is(sink.requests.length, 1);
  t.like(host.log.at(-1), { level: 'warn', fields: { message: 'too old', dropped_data_points: 1 } });
  await sink.close();
});

test('an attempt ends at the timeout when the server never answers', async (t) => {
  const sink = await startOtlpSink();
  sink.answers.push({ hang: true });
  const { exporter, clock, host } = await startExporter({ endpoint: sink.httpUrl, timeout: '4s' });
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
  const { exporter, clock, host } = await startExporter({ endpoint: sink.httpUrl });
  await sink.close();
  exporter.export(windowOf(1));
  await clock.untilSleeping(1000);
  t.regex(String(host.log.at(-1)?.fields.error), /^failed to make an HTTP request: connect ECONNREFUSED/);
  await exporter.stop?.();
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 1);
});

/** A server that answers each request as `answer` does, once it has it whole; counts requests. */
async function startServer(answer: (response: http.ServerResponse, request: number) => void) {
  let requests = 0;
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => answer(response, requests++));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { endpoint, requests: () => requests, close };
}

// A server that closes idle connections after 5 s, as node's does, meets windows that come every 5 s.
test('a kept connection that the server has closed costs one more request at once, not an attempt', async (t) => {
  const server = await startServer((response, request) => {
    if (request === 1) response.socket?.resetAndDestroy();
    else response.end();
  });
  const { exporter, host } = await startExporter({ endpoint: server.endpoint, retry_on_failure: { enabled: false } });
  for (const value of [1, 2]) exporter.export(windowOf(value));
  await exporter.stop?.();
  t.is(server.requests(), 3);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 2);
  t.deepEqual(host.log, []);
  server.close();
});

test('a new connection that is reset is a failed attempt', async (t) => {
  const server = await startServer((response) => void response.socket?.resetAndDestroy());
  const { exporter, clock, host } = await startExporter({ endpoint: server.endpoint });
  exporter.export(windowOf(1));
  await clock.untilSleeping(1000);
  t.is(server.requests(), 1);
  await exporter.stop?.();
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 1);
  server.close();
});

test('a request that was accepted is not sent again when the answer breaks off', async (t) => {
  const server = await startServer((response) => {
    response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 100 });
    response.write('x', () => response.destroy());
  });
  const { exporter, host } = await startExporter({ endpoint: server.endpoint });
  exporter.export(windowOf(1));
  await exporter.stop?.();
  t.is(server.requests(), 1);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 1);
  server.close();
});

test('the path is added to endpoint and not to metrics_endpoint', (t) => {
  const urlOf = (endpoint: string, metrics_endpoint = '') => metricsUrl({ endpoint, metrics_endpoint }).href;
  t.is(urlOf('http://a:4318'), 'http://a:4318/v1/metrics');
  t.is(urlOf('http://a:4318/otlp/'), 'http://a:4318/otlp/v1/metrics');
  t.is(urlOf('http://a:4318', 'https://b/push'), 'https://b/push');
});

test('what cannot work is refused when the configuration is loaded', (t) => {
  const endpoint = 'http://localhost:4318';
  t.deepEqual(problemsOf(otlpHttp, {}), ['endpoint: at least one endpoint must be specified']);
  const invalid = 'endpoint: endpoint must be a valid URL with a port of 1 to 65535';
  for (const wrong of ['localhost:4318', 'http://localhost:0', 'http://localhost:65536', 'ftp://localhost']) {
    t.deepEqual(problemsOf(otlpHttp, { endpoint: wrong }), [invalid], wrong);
  }
  t.deepEqual(problemsOf(otlpHttp, { endpoint, encoding: 'json' }), ['encoding: encoding json is not available']);
  t.deepEqual(problemsOf(otlpHttp, { endpoint, encoding: 'xml' }), ['encoding: invalid encoding type: xml']);
  t.deepEqual(problemsOf(otlpHttp, { endpoint, headers: { 'a b': 'c' } }), [
    'headers::a b: header "a b" cannot be sent',
  ]);
  t.deepEqual(problemsOf(otlpHttp, { endpoint, compression: 'snappy' }), ['compression: unsupported value "snappy"']);
});
