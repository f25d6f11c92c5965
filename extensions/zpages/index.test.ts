import https from 'node:https';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import type { ServiceView } from '../../core/component/define.ts';
import type { PipelineConfig } from '../../core/config/types.ts';
import { reportOf } from '../../core/errors.ts';
import { createOperations } from '../../core/telemetry/operations.ts';
import { createCertificate } from '../../test/support/certificate.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import zpages from './index.ts';

const pipeline = (id: string, processors: readonly string[]): PipelineConfig => ({
  id,
  signal: 'metrics',
  receivers: ['ebpf_network', 'replay/a'],
  processors,
  exporters: ['otlp_grpc', 'debug'],
  place: 'collector.yaml:1:1',
});

async function setUp(t: ExecutionContext, block: object = {}) {
  const clock = createManualClock(1_796_000_000_250_000_000n);
  const host = createRecordingHost('zpages', clock);
  const operations = createOperations(clock);
  const service: ServiceView = {
    pipelines: [pipeline('metrics', ['zone', 'filter/<b>']), pipeline('metrics/raw', [])],
    extensions: ['health_check', 'zpages'],
    operations,
  };
  const extension = zpages.create(configOf(zpages, { endpoint: '127.0.0.1:0', ...block }), host, service);
  await extension.start?.();
  t.teardown(() => extension.stop?.());
  const port = host.log.find(({ message }) => message === 'Serving zPages.')?.fields.port;
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  return { extension, ask, clock, operations, port };
}

/** Every element is closed in the order in which it was opened, and every `&` begins a character reference. */
function isWellFormed(t: ExecutionContext, markup: string): void {
  t.true(markup.startsWith('<!DOCTYPE html>\n<html lang="en">'));
  const open: string[] = [];
  for (const [, slash, name = ''] of markup.slice('<!DOCTYPE html>'.length).matchAll(/<(\/?)([^\s>]*)[^<>]*>/g)) {
    if (['meta', 'br'].includes(name)) continue;
    if (slash === '') open.push(name);
    else t.is(open.pop(), name);
  }
  t.deepEqual(open, []);
  t.notRegex(markup, /&(?!(amp|lt|gt|quot|rarr|#39);)/);
}

/** The cells of the rows of a page's tables, without markup. */
const rowsOf = (markup: string) =>
  [...markup.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<(th|td)[^>]*>(.*?)<\/\1>/g)].map(([, , cell = '']) =>
      cell.replaceAll('<br>', ' ').replaceAll(/<[^>]*>/g, ''),
    ),
  );

test('the pages show build, runtime, pipelines, extensions and features, as well-formed HTML of their own', async (t) => {
  const { ask, extension } = await setUp(t);
  const pages = ['servicez', 'pipelinez', 'extensionz', 'featurez', 'tracez'];
  const [service = '', pipelines = '', extensions = '', features = ''] = await Promise.all(
    pages.map(async (name) => {
      const { status, headers, body } = await ask(`/debug/${name}`);
      t.is(status, 200);
      t.is(headers.get('content-type'), 'text/html; charset=utf-8');
      t.regex(headers.get('content-security-policy') ?? '', /^default-src 'none'/);
      isWellFormed(t, body);
      t.notRegex(body, /(src|href)="(https?:)?\/\//, 'nothing of another server');
      for (const other of pages) t.true(body.includes(`<a href="/debug/${other}">`));
      return body;
    }),
  );
  t.like(rowsOf(service), {
    1: ['Command', 'weir'],
    3: ['Version', '0.1.0'],
    5: ['StartTimestamp', '2026-11-30T00:53:20.250Z'],
    6: ['State', 'starting'],
    7: ['Node', process.version],
  });
  t.deepEqual(rowsOf(pipelines), [
    ['FullName', 'InputType', 'MutatesData', 'Receivers', 'Processors', 'Exporters'],
    ['metrics', 'metrics', 'true', 'ebpf_network replay/a', 'zone &rarr; filter/&lt;b&gt;', 'otlp_grpc debug'],
    ['metrics/raw', 'metrics', 'false', 'ebpf_network replay/a', '', 'otlp_grpc debug'],
  ]);
  t.deepEqual(rowsOf(extensions), [['FullName'], ['health_check'], ['zpages']]);
  t.true(features.includes('no feature gates'));
  const stateNow = async () => rowsOf((await ask('/debug/servicez')).body)[6]?.[1];
  extension.ready?.();
  t.is(await stateNow(), 'ready');
  extension.notReady?.();
  t.is(await stateNow(), 'stopping');
});

test('tracez counts operations by latency and shows samples of what runs, ended and failed', async (t) => {
  const { ask, clock, operations } = await setUp(t);
  const operation = operations.named('exporter/otlp_grpc/metrics');
  for (const [durationMs, failure] of [[0.25], [2500], [40, 'code <unavailable> & "busy"']] as const) {
    const end = operation.begin();
    clock.advance(durationMs);
    end(failure);
  }
  operation.begin();
  clock.advance(1234);
  const { body } = await ask('/debug/tracez');
  t.deepEqual(rowsOf(body), [
    ['Span Name', 'Running', '>0s', '>10µs', '>100µs', '>1ms', '>10ms', '>100ms', '>1s', '>10s', '>100s', 'Errors'].map(
      (head) => head.replace('>', '&gt;'),
    ),
    ['exporter/otlp_grpc/metrics', '1', '0', '0', '1', '0', '0', '0', '1', '0', '0', '1'],
  ]);
  const links = [...body.matchAll(/<a href="(\?zspanname=[^"]*)">/g)].map(([, link = '']) =>
    link.replace('&amp;', '&'),
  );
  t.is(links.length, 4);
  const samples = await Promise.all(
    links.map(async (link) => {
      const page = await ask(`/debug/tracez${link.replaceAll('&amp;', '&')}`);
      isWellFormed(t, page.body);
      return rowsOf(page.body).at(-1);
    }),
  );
  t.deepEqual(samples, [
    ['2026-11-30T00:53:22.790Z', '1.23s', ''],
    ['2026-11-30T00:53:20.250Z', '250µs', ''],
    ['2026-11-30T00:53:20.250Z', '2.5s', ''],
    ['2026-11-30T00:53:22.750Z', '40ms', 'code &lt;unavailable&gt; &amp; &quot;busy&quot;'],
  ]);
  for (const odd of [
    '?zspanname=__proto__',
    '?zspanname=exporter/otlp_grpc/metrics&ztype=1&zlatencybucket=-1',
    '?%E0%A4',
  ]) {
    const page = await ask(`/debug/tracez${odd}`);
    t.is(page.status, 200);
    isWellFormed(t, page.body);
  }
});

test('figures of the runtime are JSON, without the command line, and only when they are wanted', async (t) => {
  const { ask: without } = await setUp(t);
  const refused = await without('/debug/expvarz');
  t.is(refused.status, 404);
  t.false(refused.body.includes('expvarz'));
  const { ask } = await setUp(t, { expvar: { enabled: true } });
  const { status, headers, body } = await ask('/debug/expvarz');
  t.is(status, 200);
  t.is(headers.get('content-type'), 'application/json; charset=utf-8');
  const { memstats, event_loop, resource_usage, uptime_seconds, cmdline } = JSON.parse(body);
  t.true(memstats.rss > memstats.heapUsed && memstats.heap.heap_size_limit > 0);
  t.true(event_loop.utilization >= 0 && resource_usage.userCPUTime > 0 && uptime_seconds > 0);
  t.is(cmdline, undefined);
  t.true((await ask('/debug/servicez')).body.includes('/debug/expvarz'));
});

test('other paths and methods are refused, and headers of the configuration are in every answer', async (t) => {
  const { ask } = await setUp(t, { response_headers: { 'x-team': 'network' } });
  const missing = await ask('/');
  t.is(missing.status, 404);
  t.true(missing.body.includes('/debug/servicez\n'));
  t.is(missing.headers.get('x-team'), 'network');
  const posted = await ask('/debug/servicez', { method: 'POST', body: 'x' });
  t.is(posted.status, 405);
  t.is(posted.headers.get('allow'), 'GET, HEAD');
  const head = await ask('/debug/servicez?x', { method: 'HEAD' });
  t.deepEqual([head.status, head.body], [200, '']);
});

test('with a certificate the pages are served by TLS', async (t) => {
  const { key, cert } = createCertificate('IP:127.0.0.1');
  const { port } = await setUp(t, { tls: { key_pem: key, cert_pem: cert } });
  const body = await new Promise<string>((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port: Number(port), path: '/debug/extensionz', ca: cert });
    request.on('response', (response) => resolve(text(response))).on('error', reject);
  });
  t.true(body.includes('<title>Extensions</title>'));
});

test('a port that is taken, and settings that cannot be, are said with their fix', async (t) => {
  const { port } = await setUp(t);
  const host = createRecordingHost('zpages');
  const service: ServiceView = { pipelines: [], extensions: [], operations: createOperations(host.clock) };
  const second = zpages.create(configOf(zpages, { endpoint: `127.0.0.1:${port}` }), host, service);
  const error = await t.throwsAsync(second.start?.() ?? Promise.resolve());
  t.regex(reportOf(error), /cannot serve zPages at 127\.0\.0\.1:\d+: the address is already in use/);
  await second.stop?.();
  t.deepEqual(problemsOf(zpages, { endpoint: '' }), [
    'endpoint: "endpoint" is required when using the "zpages" extension',
  ]);
  t.deepEqual(problemsOf(zpages, { endpoint: 'localhost:70000', response_headers: { 'a b': 'x' } }), [
    'endpoint: invalid port "70000"',
    'response_headers::a b: header "a b" cannot be sent',
  ]);
  t.deepEqual(problemsOf(zpages, { tls: { client_ca_file: 'ca.pem' } }), [
    'tls::client_ca_file: client_ca_file needs a certificate of the server, without which there is no TLS',
  ]);
});
