import test from 'ava';
import { createAllAttributes } from '../../core/pipeline/all-attributes.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { createTestTables, SECOND_NS, type TestRow, valuesOf } from '../../core/table/testing.ts';
import otlpGrpc from '../../exporters/otlp_grpc/index.ts';
import otlpHttp from '../../exporters/otlp_http/index.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { figure, joined, post, protocols, requestOf, startReceiver } from '../../test/support/otlp-receiver.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { T0 } from '../../test/support/recordings.ts';
import { until } from '../../test/support/until.ts';
import otlp from './index.ts';

const isMetric = (table: { readonly kind: string }): table is MetricTable => table.kind === 'metric';

for (const [protocol, exporterType] of [
  ['grpc', otlpGrpc],
  ['http', otlpHttp],
] as const) {
  for (const compression of ['gzip', 'none']) {
    test(`what an agent sends by ${protocol} with ${compression} is here what it was there`, async (t) => {
      const receiver = await startReceiver();
      const host = createRecordingHost('exporter');
      const endpoint = protocol === 'grpc' ? receiver.grpcAddress : receiver.httpUrl.replace('/v1/metrics', '');
      const exporter = exporterType.create(
        configOf(exporterType, { endpoint, compression, tls: { insecure: true } }) as never,
        host,
      );
      await exporter.start?.();
      const createTable = createTestTables();
      const rows = Array.from(
        { length: 4000 },
        (_, i): TestRow => ({
          'src.address': `10.0.${i >> 8}.${i & 255}`,
          'dst.address': 'fd00::17',
          'src.port': i,
          transport: 'TCP',
          direction: 'request',
          bytes: 2 ** 36 + i,
          packets: i,
        }),
      );
      const everything = createAllAttributes();
      const resource = { attributes: { 'host.name': 'node-1' } };
      const window = { startNs: T0 - 5n * SECOND_NS, endNs: T0 };
      for (const half of [rows.slice(0, 2000), rows.slice(2000)]) {
        exporter.export(everything.flows!({ ...createTable(half, { window }), resource }).filter(isMetric));
      }
      // The stop gives up after some seconds, which a busy machine may need.
      await until('all has arrived', () => host.metric('otelcol_exporter_sent_metric_points') === 8000);
      await exporter.stop?.();
      await receiver.stop();
      t.is(receiver.bytes(), 4000 * 2 ** 36 + (4000 * 3999) / 2);
      const found = receiver.tables.flatMap((table) => {
        t.deepEqual(table.window, window);
        t.deepEqual(table.resource, resource);
        t.deepEqual(table.metricNames, ['beyla']);
        const [addresses, ports] = [valuesOf(table, 'src.address'), valuesOf(table, 'src.port')];
        return addresses.map((address, row) => [
          address,
          ports[row],
          table.measures.bytes[row],
          table.measures.packets[row],
        ]);
      });
      const sums = new Map<string, readonly [number, number]>();
      for (const [address, port, bytes, packets] of found) {
        const [b, p] = sums.get(`${address} ${port}`) ?? [0, 0];
        sums.set(`${address} ${port}`, [b + Number(bytes), p + Number(packets)]);
      }
      t.deepEqual(
        sums,
        new Map(rows.map((row) => [`${row['src.address']} ${row['src.port']}`, [row.bytes, row.packets] as const])),
      );
      t.is(figure(receiver, 'accepted', protocol), 8000);
      t.is(figure(receiver, 'refused', protocol), 0);
    });
  }
}

test('windows that come mixed are a table each, by sender', async (t) => {
  const receiver = await startReceiver();
  const of = (name: string, request: string) => {
    const parsed = JSON.parse(request);
    parsed.resourceMetrics[0].resource = { attributes: [{ key: 'host.name', value: { stringValue: name } }] };
    return JSON.stringify(parsed);
  };
  const requests = [5n, 10n, 5n, 10n].map((at, i) => of(`node-${i % 3}`, requestOf({ at, value: 2 ** i })));
  await post(receiver.httpUrl, joined(...requests, of('node-0', requestOf({ value: 100 }))));
  t.deepEqual(
    receiver.tables.map(({ resource, window, measures }) => [
      resource.attributes['host.name'],
      Number((window.endNs - T0) / SECOND_NS),
      measures.bytes.reduce((a, b) => a + b, 0),
    ]),
    [
      ['node-0', 5, 101],
      ['node-2', 5, 4],
      ['node-1', 10, 2],
      ['node-0', 10, 8],
    ],
  );
  await receiver.stop();
});

test('bytes and packets that come apart make no metric of what was not there', async (t) => {
  const receiver = await startReceiver();
  await post(receiver.httpUrl, requestOf({ value: 9 }));
  await post(receiver.httpUrl, requestOf({ value: 2, metric: 'beyla.network.flow.packets' }));
  const made = receiver.tables.flatMap((table) => createAllAttributes().flows!(table)).filter(isMetric);
  t.deepEqual(
    made.map(({ metric, values }) => [metric.name, ...values]),
    [
      ['beyla.network.flow.bytes', 9],
      ['beyla.network.flow.packets', 2],
    ],
  );
  await receiver.stop();
});

test('a sender that emits several presets is read once, also where its window is cut, and may change them', async (t) => {
  const receiver = await startReceiver();
  for (const [metric, at] of [
    ['beyla.network.flow.bytes', 5n],
    ['network.flow.io', 5n],
    ['beyla.network.flow.bytes', 10n],
    ['network.flow.io', 10n],
    ['network.flow.io', 15n],
  ] as const) {
    t.is((await post(receiver.httpUrl, requestOf({ metric, at, value: 3 }))).status, 200);
  }
  t.is(receiver.bytes(), 9);
  t.deepEqual(receiver.tables.at(-1)?.metricNames, ['otel']);
  t.is(figure(receiver, 'accepted', 'http'), 5);
  await receiver.stop();
});

test('a port that is taken is an error at the start that names the key', async (t) => {
  const receiver = await startReceiver();
  for (const [protocol, endpoint] of [
    ['grpc', receiver.grpcAddress],
    ['http', new URL(receiver.httpUrl).host],
  ] as const) {
    await t.throwsAsync(startReceiver({ protocols: { [protocol]: { endpoint } } }), {
      message: new RegExp(`cannot serve OTLP by .* at ${endpoint}: the address is already in use`),
    });
  }
  await receiver.stop();
});

test('a protocol is served when its key is there, and keys that cannot be are refused', (t) => {
  t.deepEqual(problemsOf(otlp, {}), ['protocols: must specify at least one protocol when using the OTLP receiver']);
  t.is(configOf(otlp, { protocols: { grpc: null } }).protocols.grpc?.endpoint, 'localhost:4317');
  t.is(configOf(otlp, { protocols: { grpc: null } }).protocols.http, null);
  t.deepEqual(problemsOf(otlp, { protocols: { http: { endpoint: '4318' } } }), [
    'protocols::http::endpoint: address 4318: missing port in address',
  ]);
  t.deepEqual(problemsOf(otlp, { protocols: { thrift: null } }), ['protocols::thrift: has invalid keys: thrift']);
  t.deepEqual(problemsOf(otlp, { protocols: { grpc: { max_recv_msg_size_mib: 4096 } } }), [
    'protocols::grpc::max_recv_msg_size_mib: invalid max_recv_msg_size_mib value, must be between 1 and 2047: 4096',
  ]);
  t.deepEqual(problemsOf(otlp, { protocols: { ...protocols, http: { metrics_url_path: 'v1' } } }), [
    'protocols::http::metrics_url_path: metrics_url_path "v1" does not begin with /',
  ]);
});
