import { PassThrough } from 'node:stream';
import test from 'ava';
import { flowBytes, tableOf } from '../../test/support/metric-tables.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { createDebugExporter } from './index.ts';

type Verbosity = Parameters<typeof createDebugExporter>[0]['verbosity'];

async function startDebug(verbosity: Verbosity, output = new PassThrough()) {
  const host = createRecordingHost('debug');
  const exporter = createDebugExporter({ verbosity }, host, output);
  await exporter.start?.();
  return { host, exporter, output, printed: () => String(output.read() ?? '') };
}

const flows = tableOf([
  {
    attributes: {
      'src.address': '192.0.2.10',
      'dst.address': '198.51.100.7',
      'server.port': 443,
      transport: 'TCP',
      direction: 'request',
    },
    value: 18_234,
  },
  { attributes: { 'src.address': '192.0.2.10', 'dst.address': '198.51.100.8', transport: 'ICMP' }, value: 98 },
]);
const packets = tableOf([{ attributes: {}, value: 12 }], {
  metric: { ...flowBytes, name: 'beyla.network.flow.packets', unit: '{packet}' },
});

test('normal prints one line a point, attributes in the order of the columns, absent ones left out', async (t) => {
  const { exporter, printed, host } = await startDebug('normal');
  exporter.export([flows, packets]);
  t.is(
    printed(),
    [
      'ResourceMetrics #0 service.name=weir host.name=node-1',
      'ScopeMetrics #0 weir@0.1.0',
      'beyla.network.flow.bytes{src.address=192.0.2.10,dst.address=198.51.100.7,server.port=443,transport=TCP,direction=request} 18234 By',
      'beyla.network.flow.bytes{src.address=192.0.2.10,dst.address=198.51.100.8,transport=ICMP} 98 By',
      'beyla.network.flow.packets{} 12 {packet}',
      '',
    ].join('\n'),
  );
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 3);
});

test('basic logs the counts and prints nothing', async (t) => {
  const { exporter, printed, host } = await startDebug('basic');
  exporter.export([flows, packets, tableOf([])]);
  t.is(printed(), '');
  t.deepEqual(host.log, [
    { level: 'info', message: 'Metrics', fields: { 'resource metrics': 1, metrics: 2, 'data points': 3 } },
  ]);
});

test('detailed prints every field', async (t) => {
  const { exporter, printed } = await startDebug('detailed');
  const starts = [1_581_452_772_000_000_321n, 1_581_452_772_500_000_000n];
  const rows = [
    { attributes: { name: 'a', 'dst.port': 443, guessed: true }, value: 123, start: 0 },
    { attributes: {}, value: 456, start: 1 },
  ];
  exporter.export([tableOf(rows, { starts, endNs: 1_581_452_773_000_000_000n, temporality: 'cumulative' })]);
  t.is(
    printed(),
    `ResourceMetrics #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(weir)
     -> host.name: Str(node-1)
ScopeMetrics #0
ScopeMetrics SchemaURL: 
InstrumentationScope weir 0.1.0
Metric #0
Descriptor:
     -> Name: beyla.network.flow.bytes
     -> Description: Bytes between two endpoints.
     -> Unit: By
     -> DataType: Sum
     -> IsMonotonic: true
     -> AggregationTemporality: Cumulative
NumberDataPoints #0
Data point attributes:
     -> name: Str(a)
     -> dst.port: Int(443)
     -> guessed: Bool(true)
StartTimestamp: 2020-02-11 20:26:12.000000321 +0000 UTC
Timestamp: 2020-02-11 20:26:13 +0000 UTC
Value: 123
NumberDataPoints #1
StartTimestamp: 2020-02-11 20:26:12.5 +0000 UTC
Timestamp: 2020-02-11 20:26:13 +0000 UTC
Value: 456
`,
  );
});

test('resources and scopes are numbered, and one metric over two tables is one metric', async (t) => {
  const { exporter, printed } = await startDebug('detailed');
  const row = [{ attributes: {}, value: 1 }];
  exporter.export([tableOf(row), tableOf(row), tableOf([]), tableOf(row, { resource: { attributes: {} } })]);
  const headings = printed()
    .split('\n')
    .filter((line) => /#\d/.test(line));
  t.deepEqual(headings, [
    'ResourceMetrics #0',
    'ScopeMetrics #0',
    'Metric #0',
    'NumberDataPoints #0',
    'NumberDataPoints #1',
    'ResourceMetrics #1',
    'ScopeMetrics #0',
    'Metric #0',
    'NumberDataPoints #0',
  ]);
});

test('nothing is printed when there are no points', async (t) => {
  const { exporter, printed, host } = await startDebug('normal');
  exporter.export([tableOf([])]);
  t.is(printed(), '');
  t.deepEqual(host.log, []);
});

test('an output that takes no more has no room until it is read', async (t) => {
  const { exporter, output, host } = await startDebug('normal', new PassThrough({ highWaterMark: 10 }));
  const room = new Promise<void>((resolve) => exporter.onRoom(resolve));
  t.true(exporter.hasRoom());
  exporter.export([flows]);
  t.false(exporter.hasRoom());
  exporter.export([packets]);
  t.is(host.metric('otelcol_exporter_enqueue_failed_metric_points'), 1);
  output.resume();
  await room;
  t.true(exporter.hasRoom());
});

// Whoever waited for the output to drain waited for ever when its reader went away instead.
test('an output that goes away while it takes no more calls out that there is room', async (t) => {
  const { exporter, output } = await startDebug('normal', new PassThrough({ highWaterMark: 10 }));
  exporter.export([flows]);
  t.false(exporter.hasRoom());
  const room = new Promise<void>((resolve) => exporter.onRoom(resolve));
  output.destroy(new Error('write EPIPE'));
  await room;
  t.true(exporter.hasRoom());
});

test('an output that is gone stops the printing, is said once, and keeps nobody waiting', async (t) => {
  const { exporter, output, host } = await startDebug('normal');
  output.destroy(new Error('write EPIPE'));
  await new Promise((resolve) => output.on('close', resolve));
  t.true(exporter.hasRoom());
  exporter.export([flows]);
  t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 2);
  t.is(host.log.filter(({ level }) => level === 'warn').length, 1);
});
