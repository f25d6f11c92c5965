import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import test from 'ava';
import { agent, flowBytes, type Row, scope, tableOf } from '../../test/support/metric-tables.ts';
import { transformerInput } from '../../test/support/otlp-oracle.ts';
import { type DecodedRequest, decodeRequest } from '../../test/support/otlp-protos.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { MAX_BODY_BYTES, MetricEncoder } from './encode.ts';

const none = () => {
  throw new Error('a point was left out');
};

/** Decoded at once, because a body is valid only until the next one. */
function encodeAll(encoder: MetricEncoder, tables: readonly MetricTable[], onOversized: (n: number) => void = none) {
  return Array.from(encoder.encode(tables, onOversized), ({ body, points }) => ({
    points,
    request: decodeRequest(body),
  }));
}

const pointsOf = (request: DecodedRequest) =>
  request.resourceMetrics.flatMap((resource) =>
    resource.scopeMetrics.flatMap((scope) => scope.metrics.flatMap((metric) => metric.sum.dataPoints)),
  );

const metricsOf = (request: DecodedRequest) =>
  request.resourceMetrics.flatMap((resource) => resource.scopeMetrics.flatMap((scope) => scope.metrics));

const edgeRows: readonly Row[] = [
  { attributes: { name: 'plain', 'dst.port': 443, guessed: true }, value: 0, start: 0 },
  { attributes: { name: 'Größe 流量 🌊', 'dst.port': 0, guessed: false }, value: 2 ** 53, start: 1 },
  { attributes: { name: 'x'.repeat(200), 'dst.port': 65535 }, value: 2 ** 32, start: 2 },
  { attributes: { 'dst.port': -1, guessed: true }, value: 2 ** 32 - 1, start: 0 },
  { attributes: { name: '\u0000"\\', 'dst.port': 2 ** 53 - 1 }, value: 127, start: 1 },
  { attributes: {}, value: 128, start: 2 },
  { attributes: { name: 'half', share: 0.5 }, value: 1, start: 0 },
];
const edgeStarts = [0n, 1_700_000_000_123_456_789n, 4_294_967_296n];

test('a request decodes to the same messages as one of the OpenTelemetry transformer', (t) => {
  const packets = { name: 'beyla.network.flow.packets', description: '', unit: '{packet}' };
  const tables = [
    tableOf(edgeRows, { starts: edgeStarts, temporality: 'cumulative' }),
    tableOf(edgeRows, { starts: edgeStarts, metric: packets }),
  ];
  const [encoded, ...rest] = encodeAll(new MetricEncoder(), tables);
  const expected = ProtobufMetricsSerializer.serializeRequest(transformerInput(tables));
  t.deepEqual(encoded?.request, decodeRequest(expected ?? new Uint8Array(0)));
  t.is(encoded?.points, 14);
  t.is(rest.length, 0);
});

test('a series that was sent before has its new value and times', (t) => {
  const encoder = new MetricEncoder();
  const first = tableOf(edgeRows, { starts: edgeStarts });
  const second = { ...first, values: first.values.map((value) => value + 1), endNs: first.endNs + 5_000_000_000n };
  encodeAll(encoder, [first]);
  const [encoded] = encodeAll(encoder, [second]);
  const expected = ProtobufMetricsSerializer.serializeRequest(transformerInput([second]));
  t.deepEqual(encoded?.request, decodeRequest(expected ?? new Uint8Array(0)));
});

test('series that join an index later are encoded beside the known ones', (t) => {
  const encoder = new MetricEncoder();
  const first = tableOf([{ attributes: { name: 'a' }, value: 1 }]);
  encodeAll(encoder, [first]);
  const ids = Uint32Array.from({ length: 1000 }, (_, i) => (i === 0 ? 0 : first.series.intern([1000 + i])));
  const [encoded] = encodeAll(encoder, [{ ...first, ids, values: new Float64Array(1000).fill(7) }]);
  const points = pointsOf(encoded!.request);
  t.is(points.length, 1000);
  t.is(points[0]?.attributes[0]?.value.stringValue, 'a');
  t.true(points.every((point) => point.asInt === '7'));
});

test('tables of one metric and temporality become one metric, in the order of the tables', (t) => {
  const row = (name: string, value: number): Row => ({ attributes: { name }, value });
  const [encoded] = encodeAll(new MetricEncoder(), [
    tableOf([row('a', 1)]),
    tableOf([row('b', 2)], { metric: { ...flowBytes, name: 'other' } }),
    tableOf([row('a', 3)]),
    tableOf([row('a', 4)], { temporality: 'cumulative' }),
  ]);
  const metrics = metricsOf(encoded!.request);
  t.deepEqual(
    metrics.map((metric) => metric.sum.dataPoints.map((point) => point.asInt)),
    [['1', '3'], ['2'], ['4']],
  );
});

test('tables are grouped by resource and scope', (t) => {
  const rows: readonly Row[] = [{ attributes: {}, value: 1 }];
  const other = { attributes: { 'service.name': 'other' } };
  const otherScope = { name: 'gateway', version: '' };
  const [encoded] = encodeAll(new MetricEncoder(), [
    tableOf(rows),
    tableOf(rows, { resource: other }),
    tableOf(rows, { scope: otherScope }),
    tableOf(rows, { resource: other, metric: { ...flowBytes, name: 'second' } }),
  ]);
  t.deepEqual(
    encoded?.request.resourceMetrics.map(({ resource, scopeMetrics }) => [
      resource.attributes[0]?.value.stringValue,
      scopeMetrics.map((group) => [group.scope.name, group.metrics.length]),
    ]),
    [
      [
        'weir',
        [
          [scope.name, 1],
          ['gateway', 1],
        ],
      ],
      ['other', [[scope.name, 2]]],
    ],
  );
});

test('empty tables are left out, and nothing but empty tables makes no request', (t) => {
  const empty = tableOf([], { metric: { ...flowBytes, name: 'empty' } });
  t.deepEqual(encodeAll(new MetricEncoder(), [empty]), []);
  const [encoded] = encodeAll(new MetricEncoder(), [empty, tableOf([{ attributes: {}, value: 1 }])]);
  t.deepEqual(
    metricsOf(encoded!.request).map((metric) => metric.name),
    [flowBytes.name],
  );
});

test('a request that is too large is split, no body exceeds the limit, no point is lost or repeated', (t) => {
  const rows = Array.from({ length: 500 }, (_, i) => ({
    attributes: { name: `pod-${i}`, zone: 'eu-west-1a' },
    value: i,
  }));
  const tables = [tableOf(rows), tableOf(rows, { metric: { ...flowBytes, name: 'second' } })];
  const limit = 3000;
  const encoder = new MetricEncoder(limit);
  const bodies = Array.from(encoder.encode(tables, none), ({ body, points }) => ({ body: Buffer.from(body), points }));
  t.true(bodies.length > 10);
  for (const { body, points } of bodies) {
    t.true(body.length <= limit);
    const request = decodeRequest(body);
    t.is(pointsOf(request).length, points);
    t.is(request.resourceMetrics.length, 1);
    t.is(request.resourceMetrics[0]?.resource.attributes.length, Object.keys(agent.attributes).length);
  }
  const values = bodies.flatMap(({ body }) => pointsOf(decodeRequest(body)).map((point) => Number(point.asInt)));
  t.deepEqual(values, [...rows.keys(), ...rows.keys()]);
  t.true(MAX_BODY_BYTES < 4 * 1024 * 1024);
});

test('a point larger than a whole body is left out and told, the others leave', (t) => {
  const rows = ['a', 'b'.repeat(5000), 'c'].map((name, i) => ({ attributes: { name }, value: i }));
  let oversized = 0;
  const bodies = encodeAll(new MetricEncoder(1000), [tableOf(rows)], (points) => {
    oversized += points;
  });
  t.is(oversized, 1);
  t.deepEqual(
    bodies.flatMap(({ request }) => pointsOf(request).map((point) => point.asInt)),
    ['0', '2'],
  );
});

test('points of series that ended are dropped, and those that come again are right', (t) => {
  const encoder = new MetricEncoder();
  const wide = (round: number) =>
    tableOf(
      Array.from({ length: 1500 }, (_, i) => ({ attributes: { name: `${round}-${i}-${'x'.repeat(2000)}` }, value: i })),
    );
  for (let round = 0; round < 12; round++) encodeAll(encoder, [wide(round)]);
  const kept = tableOf(edgeRows, { starts: edgeStarts });
  encodeAll(encoder, [kept]);
  encodeAll(encoder, [tableOf([{ attributes: {}, value: 1 }])]);
  const [encoded] = encodeAll(encoder, [kept]);
  const expected = ProtobufMetricsSerializer.serializeRequest(transformerInput([kept]));
  t.deepEqual(encoded?.request, decodeRequest(expected ?? new Uint8Array(0)));
});

// The buffer of encoded points starts at 64 KiB and grows by half. Whenever it grew in the middle of a point, the
// attributes which that point had by then were left behind, and the server found a request that it could not read.
test('every point is whole however often the buffer grows while it is written', (t) => {
  const rows = Array.from({ length: 3000 }, (_, i): Row => {
    const text = (length: number) => `${i}`.padEnd(length, 'x');
    return { attributes: { a: text(i % 61), b: text(i % 37), c: text(i % 89), d: i }, value: i };
  });
  const table = tableOf(rows);
  const [encoded] = encodeAll(new MetricEncoder(), [table]);
  const expected = ProtobufMetricsSerializer.serializeRequest(transformerInput([table]));
  t.deepEqual(encoded?.request, decodeRequest(expected ?? new Uint8Array(0)));
});
