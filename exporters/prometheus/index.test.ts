import test from 'ava';
import type { Settlement } from '../../core/component/define.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { EVERY_KIND_POINTS } from '../../test/support/every-kind.ts';
import { flowBytes, scope } from '../../test/support/metric-tables.ts';
import { arriving } from '../../test/support/one-identity.ts';
import { flow, startExporter, table } from '../../test/support/scraped-exporter.ts';

const MINUTE_MS = 60_000;

test('delta points are summed, and each metric has its help and type', async (t) => {
  const { exporter, scrape, host } = await startExporter(t);
  const packets = { ...flowBytes, name: 'beyla.network.flow.packets', unit: '{packet}' };
  exporter.export([
    table([flow('foo', 'bar', 123), flow('baz', 'bae', 456)]),
    table([{ attributes: {}, value: 3 }], { metric: packets }),
  ]);
  exporter.export([table([flow('foo', 'bar', 1000)])]);
  const { response, text } = await scrape();
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.is(
    text,
    `# HELP beyla_network_flow_bytes_total Bytes between two endpoints.
# TYPE beyla_network_flow_bytes_total counter
beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 1123
beyla_network_flow_bytes_total{src_name="baz",dst_name="bae"} 456
# HELP beyla_network_flow_packets_total Bytes between two endpoints.
# TYPE beyla_network_flow_packets_total counter
beyla_network_flow_packets_total 3
`,
  );
  t.is(host.metric('otelcol_exporter_sent_metric_points', 'exporter="prometheus"'), 4);
  t.is(host.metric('otelcol_exporter_prometheus_series', 'exporter="prometheus"'), 3);
  t.is(host.metric('otelcol_exporter_prometheus_scrapes_total', 'exporter="prometheus",outcome="served"'), 1);
});

test('points have arrived as soon as they are in the sums, before anybody scrapes them', async (t) => {
  const { exporter, lines } = await startExporter(t);
  const settled: Settlement[] = [];
  exporter.export([table([flow('foo', 'bar', 123)])], (how) => settled.push(how));
  t.deepEqual(settled, ['delivered']);
  await exporter.stop?.();
  t.deepEqual(settled, ['delivered']);
  await t.throwsAsync(lines());
});

// The vector of Beyla's own test of its expiry, minute by minute.
test('a series without a point for three minutes is gone, and returns at its own value', async (t) => {
  const { clock, exporter, lines } = await startExporter(t, { metric_expiration: '3m' });
  const fooBar = (value: number) => `beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} ${value}`;
  const bazBae = (value: number) => `beyla_network_flow_bytes_total{src_name="baz",dst_name="bae"} ${value}`;
  exporter.export([table([flow('foo', 'bar', 123), flow('baz', 'bae', 456)])]);
  t.deepEqual(await lines(), [fooBar(123), bazBae(456)]);
  clock.advance(2 * MINUTE_MS);
  exporter.export([table([flow('foo', 'bar', 123)])]);
  t.deepEqual(await lines(), [fooBar(246), bazBae(456)]);
  clock.advance(2 * MINUTE_MS);
  t.deepEqual(await lines(), [fooBar(246)]);
  clock.advance(2 * MINUTE_MS);
  exporter.export([table([flow('baz', 'bae', 456)])]);
  t.deepEqual(await lines(), [bazBae(456)]);
  clock.advance(3 * MINUTE_MS);
  t.deepEqual(await lines(), [bazBae(456)], 'three minutes are not more than three');
  clock.advance(1);
  t.deepEqual(await lines(), []);
});

test('sums follow their series into another index', async (t) => {
  const { exporter, lines } = await startExporter(t);
  exporter.export([table([flow('foo', 'bar', 1), flow('baz', 'bae', 2)])]);
  exporter.export([table([flow('baz', 'bae', 20), flow('foo', 'bar', 10), flow('new', 'one', 5)])]);
  t.deepEqual(await lines(), [
    'beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 11',
    'beyla_network_flow_bytes_total{src_name="baz",dst_name="bae"} 22',
    'beyla_network_flow_bytes_total{src_name="new",dst_name="one"} 5',
  ]);
});

test('cumulative points are shown as they are, over new indexes and through a restart', async (t) => {
  const { exporter, scrape } = await startExporter(t, { enable_open_metrics: true });
  const cumulative = (value: number, startNs: bigint) =>
    exporter.export([table([flow('foo', 'bar', value)], { temporality: 'cumulative', starts: [startNs] })]);
  const shown = async () => {
    const { text } = await scrape({ accept: 'application/openmetrics-text' });
    return [...text.matchAll(/^\S+\} (\S+)$/gm)].map(([, value]) => Number(value));
  };
  cumulative(100, 1_700_000_000_000_000_000n);
  t.deepEqual(await shown(), [100, 1_700_000_000]);
  cumulative(150, 1_700_000_000_000_000_000n);
  t.deepEqual(await shown(), [150, 1_700_000_000]);
  cumulative(150, 1_700_000_060_500_000_000n);
  t.deepEqual(await shown(), [150, 1_700_000_060.5], 'another start is another series, whatever its value');
  cumulative(30, 1_700_000_060_500_000_000n);
  t.deepEqual(await shown(), [30, 1_700_000_060.5]);
});

test('two senders with the same labels are one series that never falls', async (t) => {
  const { exporter, lines } = await startExporter(t);
  const [one, other] = [{ attributes: { 'host.id': 'a' } }, { attributes: { 'host.id': 'b' } }];
  const send = (resource: MetricTable['resource'], value: number, temporality: MetricTable['temporality']) =>
    exporter.export([table([flow('foo', 'bar', value)], { resource, temporality })]);
  send(one, 5, 'delta');
  send(other, 7, 'delta');
  t.deepEqual(await lines(), ['beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 12']);
  send(one, 100, 'cumulative');
  send(other, 1000, 'cumulative');
  send(one, 110, 'cumulative');
  send(other, 1, 'cumulative');
  t.deepEqual(await lines(), ['beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 1123']);
});

test('a sum that would pass 2^53 starts anew', async (t) => {
  const { exporter, lines } = await startExporter(t);
  exporter.export([table([flow('foo', 'bar', Number.MAX_SAFE_INTEGER)])]);
  exporter.export([table([flow('foo', 'bar', 9)])]);
  t.deepEqual(await lines(), ['beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 9']);
});

test('job, instance, scope and constant labels are on every series, the rest of the resource in target_info', async (t) => {
  const { exporter, scrape } = await startExporter(t, {
    without_scope_info: false,
    const_labels: { cluster: 'dev' },
    namespace: 'net',
  });
  const attributes = {
    'service.name': 'flows',
    'service.namespace': 'ops',
    'service.instance.id': 'i-1',
    'host.name': 'node "1"',
  };
  exporter.export([table([{ attributes: { transport: 'TCP' }, value: 1 }], { resource: { attributes } })]);
  t.is(
    (await scrape()).text,
    `# HELP net_target_info Target metadata
# TYPE net_target_info gauge
net_target_info{host_name="node \\"1\\"",job="ops/flows",instance="i-1"} 1
# HELP net_beyla_network_flow_bytes_total Bytes between two endpoints.
# TYPE net_beyla_network_flow_bytes_total counter
net_beyla_network_flow_bytes_total{transport="TCP",otel_scope_name="${scope.name}",otel_scope_version="${scope.version}",job="ops/flows",instance="i-1",cluster="dev"} 1
`,
  );
});

test('resources of the same target have one target_info, and it goes with their last series', async (t) => {
  const { clock, exporter, lines } = await startExporter(t);
  const of = (host: string) => ({ attributes: { 'service.name': 'flows', 'host.name': host } });
  exporter.export([
    table([flow('a', 'b', 1)], { resource: of('one') }),
    table([flow('a', 'b', 2)], { resource: of('two') }),
  ]);
  t.deepEqual(await lines(), [
    'target_info{host_name="one",job="flows"} 1',
    'beyla_network_flow_bytes_total{src_name="a",dst_name="b",job="flows"} 3',
  ]);
  clock.advance(5 * MINUTE_MS + 1);
  t.deepEqual(await lines(), []);
});

test('attributes that have the same label are joined, told apart, and said once', async (t) => {
  const { exporter, lines, host } = await startExporter(t);
  const rows = [
    { attributes: { 'src.zone': 'a', src_zone: 'b' }, value: 1 },
    { attributes: { 'src.zone': 'a' }, value: 2 },
    { attributes: { src_zone: 'a' }, value: 4 },
    { attributes: {}, value: 8 },
  ];
  exporter.export([table(rows)]);
  exporter.export([table(rows)]);
  t.deepEqual(await lines(), [
    'beyla_network_flow_bytes_total{src_zone="a;b"} 2',
    'beyla_network_flow_bytes_total{src_zone="a;"} 4',
    'beyla_network_flow_bytes_total{src_zone=";a"} 8',
    'beyla_network_flow_bytes_total 16',
  ]);
  const warnings = host.log.filter(({ level }) => level === 'warn');
  t.deepEqual(
    warnings.map(({ fields }) => fields),
    [{ label: 'src_zone', attributes: ['src.zone', 'src_zone'] }],
  );
});

test('what a point says of itself goes before the same attribute of its resource', async (t) => {
  const { exporter, lines } = await startExporter(t, { resource_constant_labels: { included: ['*'] } });
  const resource = { attributes: { 'k8s.cluster.name': 'of-resource' } };
  const rows = [
    { attributes: { 'k8s.cluster.name': 'of-point' }, value: 1 },
    { attributes: {}, value: 2 },
  ];
  exporter.export([table(rows, { resource })]);
  t.deepEqual(await lines(), [
    'beyla_network_flow_bytes_total{k8s_cluster_name="of-point"} 1',
    'beyla_network_flow_bytes_total{k8s_cluster_name="of-resource"} 2',
  ]);
});

test('quotes, backslashes and line ends are escaped, and values of every type are text', async (t) => {
  const { exporter, lines } = await startExporter(t);
  exporter.export([table([{ attributes: { a: 'x"y\\z\nß', 'dst.port': 443, guessed: true, none: '' }, value: 1 }])]);
  t.deepEqual(await lines(), ['beyla_network_flow_bytes_total{a="x\\"y\\\\z\\nß",dst_port="443",guessed="true"} 1']);
});

test('metrics that are no flows are refused, counted and named once; flows beside them are served', async (t) => {
  const { host, exporter, lines } = await startExporter(t);
  const settled: string[] = [];
  for (let i = 0; i < 2; i++) {
    exporter.export([arriving({}), table([flow('foo', 'bar', 1)])], (settlement) => settled.push(settlement));
  }
  t.deepEqual(await lines(), ['beyla_network_flow_bytes_total{src_name="foo",dst_name="bar"} 2']);
  t.deepEqual(settled, ['given_up', 'given_up']);
  t.is(host.metric('otelcol_exporter_send_failed_metric_points', 'exporter="prometheus"'), 2 * EVERY_KIND_POINTS);
  t.is(host.metric('otelcol_exporter_sent_metric_points', 'exporter="prometheus"'), 2);
  t.is(host.log.filter(({ level }) => level === 'warn').length, 1);
});
