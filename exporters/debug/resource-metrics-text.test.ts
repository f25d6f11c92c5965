import { PassThrough } from 'node:stream';
import test from 'ava';
import { EVERY_KIND_POINTS } from '../../test/support/every-kind.ts';
import { flowBytes, tableOf } from '../../test/support/metric-tables.ts';
import { arriving } from '../../test/support/one-identity.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { createDebugExporter } from './index.ts';

function print(verbosity: Parameters<typeof createDebugExporter>[0]['verbosity']) {
  const output = new PassThrough();
  const host = createRecordingHost('debug');
  const exporter = createDebugExporter({ verbosity }, host, output);
  exporter.export([arriving({ 'service.name': 'shop' }), tableOf([{ attributes: {}, value: 12 }])]);
  return { lines: String(output.read() ?? '').split('\n'), host };
}

test('normal prints a line a point of every kind, behind those of flows', (t) => {
  const { lines, host } = print('normal');
  t.is(lines[2], `${flowBytes.name}{} 12 By`);
  t.deepEqual(lines.slice(3), [
    'ResourceMetrics #1 service.name=shop',
    'ScopeMetrics #0 io.shop@1.2.3',
    'process.memory{method=GET,code=-9007199254740993,ratio=0.5,cached=false,raw=AAH/,list={"values":[{"stringValue":"a"},{"intValue":"0"}]},map={"values":[{"key":"k","value":{"stringValue":"v"}}]},empty=} 12.5 By',
    'http.requests{} 9223372036854775807 {request}',
    'http.requests{method=PUT} 0 {request}',
    `http.duration{${attributes}} count=18446744073709551615 sum=0 min=-1.5 max=3 le0.5=1 le1=2 le+Inf=0 s`,
    'rpc.size{} count=6 sum=20.5 min=0 max=9 By',
    `gc.pause{${attributes}} count=3 sum=4.5 q0.99=2.25 ms`,
    '',
  ]);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), EVERY_KIND_POINTS + 1);
});

const attributes =
  'method=GET,code=-9007199254740993,ratio=0.5,cached=false,raw=AAH/,list={"values":[{"stringValue":"a"},{"intValue":"0"}]},map={"values":[{"key":"k","value":{"stringValue":"v"}}]},empty=';

test('detailed prints every field, exemplars too', (t) => {
  const { lines } = print('detailed');
  const text = lines.join('\n');
  for (const part of [
    'Resource SchemaURL: https://opentelemetry.io/schemas/1.31.0\nResource attributes:\n     -> service.name: Str(shop)\n',
    'ScopeMetrics SchemaURL: https://opentelemetry.io/schemas/1.30.0\nInstrumentationScope io.shop 1.2.3\n',
    '     -> Name: process.memory\n     -> Description: Memory in use.\n     -> Unit: By\n     -> DataType: Gauge\nNumberDataPoints #0\nData point attributes:\n     -> method: Str(GET)\n     -> code: Int(-9007199254740993)\n     -> ratio: Double(0.5)\n     -> cached: Bool(false)\n',
    '     -> DataType: Sum\n     -> IsMonotonic: true\n     -> AggregationTemporality: Cumulative\n',
    'StartTimestamp: 2023-11-14 22:13:20.000000001 +0000 UTC\nTimestamp: 2023-11-14 22:13:25.000000002 +0000 UTC\nValue: 9223372036854775807\nExemplars:\nExemplar #0\n     -> Trace ID: 5b8efff798038103d269b633813fc60c\n     -> Span ID: eee19b7ec3c1b174\n     -> Timestamp: 2023-11-14 22:13:24 +0000 UTC\n     -> Value: 0.25\n',
    'Count: 18446744073709551615\nSum: 0\nMin: -1.5\nMax: 3\nExplicitBounds #0: 0.5\nExplicitBounds #1: 1\nBuckets #0, Count: 1\nBuckets #1, Count: 2\nBuckets #2, Count: 0\n',
    'Scale: -3\nZeroCount: 1\nZeroThreshold: 0.001\npositive bucket -5, Count: 1\npositive bucket -4, Count: 300\n',
    'QuantileValue #0: Quantile 0.99, Value 2.25\n',
  ]) {
    t.true(text.includes(part), part);
  }
});

test('basic counts resources, metrics and points', (t) => {
  const { host } = print('basic');
  t.like(host.log, { 0: { fields: { 'resource metrics': 2, metrics: 6, 'data points': EVERY_KIND_POINTS + 1 } } });
});
