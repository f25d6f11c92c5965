import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createCertificate } from '../../test/support/certificate.ts';
import { configOf } from '../../test/support/component-config.ts';
import { numberedSeries } from '../../test/support/metric-tables.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { digestOf, flow, openScrape, quiet, startExporter, table } from '../../test/support/scraped-exporter.ts';
import { until } from '../../test/support/until.ts';
import prometheus, { createPrometheusExporter } from './index.ts';

/** 100,000 series are 26 MB then, more than the system takes for a connection that nobody reads. */
const long = { const_labels: { padding: 'x'.repeat(200) } };

test('OpenMetrics where it is on and asked for: names without _total, times of creation, and an end', async (t) => {
  const { exporter, scrape } = await startExporter(t, { enable_open_metrics: true });
  exporter.export([table([flow('foo', 'bar', 123)])]);
  const accept =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const { response, text } = await scrape({ accept });
  t.is(response.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  t.is(
    text,
    `# HELP beyla_network_flow_bytes Bytes between two endpoints.
# TYPE beyla_network_flow_bytes counter
beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 123
beyla_network_flow_bytes_created{src_name="foo",dst_name="bar"} 1700000000
# EOF
`,
  );
  const types = async (header: string) => (await scrape({ accept: header })).response.headers.get('content-type');
  t.is(
    await types('application/openmetrics-text; version=0.0.1'),
    'application/openmetrics-text; version=0.0.1; charset=utf-8',
  );
  t.is(await types('application/openmetrics-text; version=2.0.0'), 'text/plain; version=0.0.4; charset=utf-8');
  t.is(await types('text/plain, application/openmetrics-text;q=0.9'), 'text/plain; version=0.0.4; charset=utf-8');
  t.is(await types('application/openmetrics-text;q=0'), 'text/plain; version=0.0.4; charset=utf-8');
});

test('OpenMetrics has no counter without _total', async (t) => {
  const { exporter, scrape } = await startExporter(t, { enable_open_metrics: true, add_metric_suffixes: false });
  exporter.export([table([flow('foo', 'bar', 123)])]);
  const { text } = await scrape({ accept: 'application/openmetrics-text' });
  t.true(text.includes('# TYPE beyla_network_flow_bytes unknown\nbeyla_network_flow_bytes{'));
  t.false(text.includes('_created'));
});

test('OpenMetrics is not offered unless it is switched on', async (t) => {
  const { scrape } = await startExporter(t);
  const { response } = await scrape({ accept: 'application/openmetrics-text' });
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
});

test('send_timestamps writes the end of the last window, in the unit of the format', async (t) => {
  const { exporter, lines } = await startExporter(t, { send_timestamps: true, enable_open_metrics: true });
  exporter.export([table([{ attributes: {}, value: 1 }], { endNs: 1_700_000_005_250_000_000n })]);
  t.deepEqual(await lines(), ['beyla_network_flow_bytes_total 1 1700000005250']);
  t.is((await lines({ accept: 'application/openmetrics-text' }))[0], 'beyla_network_flow_bytes_total 1 1700000005.25');
});

test('a scrape takes gzip where it is asked for, and HEAD and other paths are answered', async (t) => {
  const { exporter, scrape } = await startExporter(t, { response_headers: { 'x-served-by': 'weir' } });
  exporter.export([table(Array.from({ length: 1000 }, (_, i) => flow(`pod-${i}`, 'bar', i + 1)))]);
  const [gzip, plain] = [await scrape({ 'accept-encoding': 'gzip' }), await scrape({ 'accept-encoding': 'gzip;q=0' })];
  t.is(gzip.response.headers.get('content-encoding'), 'gzip');
  t.is(gzip.response.headers.get('x-served-by'), 'weir');
  t.is(plain.response.headers.get('content-encoding'), null);
  t.is(gzip.text, plain.text);
  t.is(gzip.text.split('\n').length, 1003);
  const url = `http://127.0.0.1:${exporter.port()}`;
  const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
  t.deepEqual(
    [head.status, head.headers.get('content-type'), await head.text()],
    [200, 'text/plain; version=0.0.4; charset=utf-8', ''],
  );
  t.is((await fetch(`${url}/metrics?name[]=x`)).status, 200);
  t.is((await fetch(`${url}/`)).status, 404);
  t.is((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status, 405);
});

test('a scrape shows one moment, however much comes while it is read', async (t) => {
  const { exporter, scrape } = await startExporter(t);
  const window = numberedSeries(50_000, { resource: quiet });
  exporter.export([window]);
  const response = await openScrape(exporter.port());
  let text = '';
  response.setEncoding('utf8');
  for await (const part of response) {
    text += part;
    exporter.export([window]);
  }
  const values = new Set([...text.matchAll(/ (\d+)$/gm)].map(([, value]) => value));
  t.deepEqual([...values], ['1']);
  t.is(text.trimEnd().split('\n').length, 50_002);
  t.true(Number(/ (\d+)\n$/.exec((await scrape()).text)?.[1]) > 1);
});

test('a scrape that goes away or never reads costs the next one nothing', async (t) => {
  const { exporter, lines, host, clock } = await startExporter(t, { ...long, write_timeout: '30s' });
  exporter.export([numberedSeries(100_000, { resource: quiet })]);
  const aborted = () =>
    host.metric('otelcol_exporter_prometheus_scrapes_total', 'exporter="prometheus",outcome="aborted"');
  const gone = await openScrape(exporter.port());
  gone.destroy();
  await until('the scrape that went away is noticed', () => aborted() === 1);
  const idle = await openScrape(exporter.port());
  const cut = new Promise((resolve) => idle.once('error', resolve));
  idle.pause();
  t.is((await lines()).length, 100_000);
  clock.advance(29_999);
  t.is(aborted(), 1);
  clock.advance(1);
  idle.resume();
  t.like(await cut, { code: 'ECONNRESET' });
  await until('the scrape that was not read is broken off', () => aborted() === 2);
  t.is((await lines()).length, 100_000);
});

test('more scrapes than fit are refused and counted, and the others are whole', async (t) => {
  const { exporter, host, lines } = await startExporter(t, long);
  exporter.export([numberedSeries(100_000, { resource: quiet })]);
  const open = await Promise.all(Array.from({ length: 8 }, () => openScrape(exporter.port())));
  for (const response of open) response.pause();
  const refused = await fetch(`http://127.0.0.1:${exporter.port()}/metrics`);
  t.deepEqual([refused.status, await refused.text()], [503, '8 scrapes are being answered; try again\n']);
  t.is(host.metric('otelcol_exporter_prometheus_scrapes_total', 'exporter="prometheus",outcome="refused"'), 1);
  const digests = await Promise.all(open.map(digestOf));
  t.is(new Set(digests).size, 1);
  t.is((await lines()).length, 100_000);
});

test('a port that is taken is an error that says what to do', async (t) => {
  const first = await startExporter(t);
  const host = createRecordingHost('prometheus/two');
  const settings = { endpoint: `127.0.0.1:${first.exporter.port()}` };
  const second = createPrometheusExporter(configOf(prometheus, settings), host);
  await t.throwsAsync(async () => second.start?.(), {
    code: 'component/start',
    message: `cannot serve metrics at ${settings.endpoint}: the address is already in use`,
  });
  await second.stop?.();
});

test('with a certificate it is HTTPS, and only scrapers with one of theirs are let in where that is asked', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-prometheus-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [server, scraper] = [createCertificate('IP:127.0.0.1'), createCertificate('DNS:scraper')];
  writeFileSync(join(folder, 'scraper.pem'), scraper.cert);
  const own = { cert_pem: server.cert, key_pem: server.key };
  const ask = (port: number, options: https.RequestOptions = {}) =>
    new Promise<number | undefined>((resolve, reject) => {
      const place = { host: '127.0.0.1', port, path: '/metrics', ca: server.cert, agent: false };
      https.get({ ...place, ...options }, ({ statusCode }) => resolve(statusCode)).on('error', reject);
    });
  const open = await startExporter(t, { tls: own });
  t.is(await ask(open.exporter.port()), 200);
  const closed = await startExporter(t, { tls: { ...own, client_ca_file: join(folder, 'scraper.pem') } });
  t.is(await ask(closed.exporter.port(), { cert: scraper.cert, key: scraper.key }), 200);
  await t.throwsAsync(ask(closed.exporter.port()));
});

test('a key that does not belong to the certificate is an error at the start', async (t) => {
  const [one, other] = [createCertificate('IP:127.0.0.1'), createCertificate('IP:127.0.0.1')];
  const settings = { endpoint: '127.0.0.1:0', tls: { cert_pem: one.cert, key_pem: other.key } };
  const exporter = createPrometheusExporter(configOf(prometheus, settings), createRecordingHost('prometheus'));
  await t.throwsAsync(async () => exporter.start?.(), {
    code: 'component/start',
    message: /^failed to load TLS config/,
  });
});
