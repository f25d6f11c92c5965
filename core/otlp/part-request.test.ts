import test from 'ava';
import { EVERY_KIND_POINTS, everyKind, protobufOf } from '../../test/support/every-kind.ts';
import { decodeRequest } from '../../test/support/otlp-protos.ts';
import { joined, requestOf } from '../../test/support/otlp-receiver.ts';
import { pointsOfAll, type ResourceMetricsTable } from '../table/resource-metrics.ts';
import { MetricEncoder } from './encode.ts';
import { createJsonEncoder } from './encode-json.ts';
import { partJson } from './part-json.ts';
import { partProto } from './part-proto.ts';
import { messageField } from './proto-writer.ts';

const bodiesOf = (tables: readonly ResourceMetricsTable[], limit?: number) => {
  const oversized: number[] = [];
  const bodies = [...new MetricEncoder(limit).encode(tables, (points) => oversized.push(points))];
  return { bodies, oversized };
};
const onlyBody = (tables: readonly ResourceMetricsTable[]) => Buffer.from(bodiesOf(tables).bodies[0]!.body);

test('every kind of metric passes byte for byte, and its points are counted', (t) => {
  const request = protobufOf(everyKind());
  const { flows, others } = partProto(request, '10.0.0.1');
  t.deepEqual(flows, []);
  t.like(others, { length: 1, 0: { metrics: 5, points: EVERY_KIND_POINTS, sender: '10.0.0.1' } });
  t.deepEqual([...others[0]!.attributes], [['service.name', 'shop']]);
  t.true(onlyBody(others).equals(request));
  t.is(pointsOfAll(others), EVERY_KIND_POINTS);
});

test('fields that this build does not know pass at every level', (t) => {
  const unknown = messageField(15, Buffer.from('of a later version'));
  const metric = messageField(
    2,
    messageField(1, Buffer.from('up')),
    messageField(5, messageField(1, unknown)),
    unknown,
  );
  const scope = messageField(2, unknown, metric, unknown);
  const request = messageField(1, messageField(1, unknown), scope, unknown);
  const { others } = partProto(request, undefined);
  t.is(pointsOfAll(others), 1);
  t.true(onlyBody(others).equals(request));
});

test('what is said of the resource is read, the first of each name; what is no single value is known to be there', (t) => {
  const [entry] = everyKind().resourceMetrics;
  const attributes = [
    { key: 'a', value: { stringValue: 'first' } },
    { key: 'a', value: { stringValue: 'second' } },
    { key: 'n', value: { intValue: '7' } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }] } } },
    { key: 'none', value: {} },
  ];
  const request = protobufOf({ resourceMetrics: [{ ...entry, resource: { attributes } }] });
  const [table] = partProto(request, undefined).others;
  const expected = [
    ['a', 'first'],
    ['n', 7],
    ['list', undefined],
    ['none', ''],
  ] as const;
  t.deepEqual([...table!.attributes], [...expected]);
});

test('a request in JSON passes as protobuf with all that it says', (t) => {
  const request = everyKind();
  const { others } = partJson(JSON.stringify(request), undefined);
  // Fields may be written in any order: another decoder reads the same.
  t.deepEqual(decodeRequest(onlyBody(others)), decodeRequest(protobufOf(request)));
  t.deepEqual(JSON.parse(textOf(others)), request);
});

const textOf = (tables: readonly ResourceMetricsTable[]) =>
  Buffer.from([...createJsonEncoder()(tables)][0]!.body).toString();

test('JSON is understood as collectors write it: snake_case, names of enumerations, numbers as texts, null', (t) => {
  const point = { as_double: '1.5', time_unix_nano: 5, attributes: null };
  const nan = { as_double: 'NaN', timeUnixNano: '6' };
  const sum = { data_points: [point, nan], aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA' };
  const text = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'x', sum, later: 1 }] }] }] });
  const { others } = partJson(text, undefined);
  const points = [
    { timeUnixNano: '5', asDouble: 1.5 },
    { timeUnixNano: '6', asDouble: 'NaN' },
  ];
  t.deepEqual(JSON.parse(textOf(others)), {
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [{ name: 'x', sum: { dataPoints: points, aggregationTemporality: 1 } }] }] },
    ],
  });
});

test('a value in JSON that cannot be is an error that names its key', (t) => {
  const withPoint = (point: object) =>
    JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [point] } }] }] }] });
  const cases: readonly (readonly [object, string])[] = [
    [{ asInt: 'abc' }, 'asInt: "abc" is no such integer'],
    [{ asInt: 1.5 }, 'asInt: 1.5 is no such integer'],
    [{ asInt: '9223372036854775808' }, 'asInt: "9223372036854775808" is no such integer'],
    [{ timeUnixNano: -1 }, 'timeUnixNano: -1 is no such integer'],
    [{ asDouble: {} }, 'asDouble: {} is no number'],
    [{ exemplars: [{ traceId: 'xyz' }] }, 'traceId: "xyz" is not hexadecimal'],
    [{ attributes: {} }, 'attributes is no list'],
    [{ attributes: [7] }, 'an entry of attributes is no object'],
    [{ attributes: [{ key: 7 }] }, 'key: 7 is no text'],
    [{ attributes: [{ key: 'b', value: { boolValue: 1 } }] }, 'boolValue: 1 is neither true nor false'],
  ];
  for (const [point, message] of cases) t.throws(() => partJson(withPoint(point), undefined), { message });
  let value: object = { stringValue: 'deep' };
  for (let i = 0; i < 120; i++) value = { arrayValue: { values: [value] } };
  t.throws(() => partJson(withPoint({ attributes: [{ key: 'a', value }] }), undefined), {
    message: /values within values, more than 100/,
  });
});

for (const [encoding, part] of [
  ['protobuf', (text: string) => partProto(protobufOf(JSON.parse(text)), undefined)],
  ['JSON', (text: string) => partJson(text, undefined)],
] as const) {
  test(`flows and other metrics of one request in ${encoding} are parted, and all around them stays`, (t) => {
    const [flow] = JSON.parse(requestOf({ value: 7 })).resourceMetrics;
    const [entry] = everyKind().resourceMetrics;
    const [scope] = entry!.scopeMetrics;
    const mixed = { ...scope!, metrics: [...flow.scopeMetrics[0].metrics, ...scope!.metrics] };
    const alone = { scope: { name: 'weir' }, metrics: flow.scopeMetrics[0].metrics };
    const request = { resourceMetrics: [{ ...entry, scopeMetrics: [alone, mixed] }] };
    const { flows, others } = part(JSON.stringify(request));
    t.deepEqual(
      flows.map(({ scope: { name }, points }) => [name, ...points.map(({ value }) => value)]),
      [
        ['weir', 7],
        ['io.shop', 7],
      ],
    );
    t.deepEqual(flows[0]!.resource, [['service.name', 'shop']]);
    t.like(others, { length: 1, 0: { metrics: 5, points: EVERY_KIND_POINTS } });
    t.deepEqual(JSON.parse(textOf(others)), everyKind());
  });

  test(`sums of flow bytes without addresses are metrics like any other, in ${encoding}`, (t) => {
    const [flow] = JSON.parse(requestOf({ value: 7 })).resourceMetrics;
    const [metric] = flow.scopeMetrics[0].metrics;
    const summed = [{ ...metric.sum.dataPoints[0], attributes: [{ key: 'src.zone', value: { stringValue: 'a' } }] }];
    flow.scopeMetrics[0].metrics = [{ ...metric, sum: { ...metric.sum, dataPoints: summed } }];
    const { flows, others } = part(JSON.stringify({ resourceMetrics: [flow] }));
    t.deepEqual(flows, []);
    t.is(pointsOfAll(others), 1);
  });
}

test('only what has points is kept of a request', (t) => {
  const { flows, others } = partProto(protobufOf({ resourceMetrics: [{ resource: {} }, { scopeMetrics: [{}] }] }), 'x');
  t.deepEqual([flows, others], [[], []]);
  t.deepEqual(partJson(joined(requestOf({ value: 1 })), 'x').others, []);
});

test('a message that ends early is an error at every length', (t) => {
  const request = protobufOf(everyKind());
  for (let length = 1; length < request.length; length += 7) {
    t.throws(() => partProto(request.subarray(0, length), undefined), { message: /malformed protobuf message/ });
  }
});

test('what is larger than a body is cut between scopes, metrics and points, and nothing is lost', (t) => {
  const [entry] = everyKind().resourceMetrics;
  const [scope] = entry!.scopeMetrics;
  const points = Array.from({ length: 300 }, (_, i) => ({ timeUnixNano: String(i), asInt: String(i) }));
  const many = { ...scope!, metrics: [...scope!.metrics, { name: 'many', gauge: { dataPoints: points } }] };
  const request = { resourceMetrics: [{ ...entry, scopeMetrics: [scope, many, scope] }] };
  const { others } = partProto(protobufOf(request), undefined);
  const { bodies, oversized } = bodiesOf(others, 1500);
  t.deepEqual(oversized, []);
  t.true(bodies.length > 5);
  for (const { body } of bodies) t.true(body.length <= 1500);
  const all = 300 + 3 * EVERY_KIND_POINTS;
  t.is(
    bodies.reduce((sum, body) => sum + body.points, 0),
    all,
  );
  const read = bodies.map(({ body }) => partProto(Buffer.from(body), undefined).others);
  t.is(
    read.flat().reduce((sum, table) => sum + table.points, 0),
    all,
  );
  const parts = read.flatMap((tables) => JSON.parse(textOf(tables)).resourceMetrics);
  for (const { resource, schemaUrl, scopeMetrics } of parts) {
    t.deepEqual(resource, entry!.resource);
    t.is(schemaUrl, entry!.schemaUrl);
    for (const one of scopeMetrics) t.deepEqual(one.scope, scope!.scope);
  }
  const times = parts.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }: { metrics: { name: string; gauge?: { dataPoints: { asInt: string }[] } }[] }) =>
      metrics.flatMap(({ name, gauge }) => (name === 'many' ? gauge!.dataPoints.map(({ asInt }) => asInt) : [])),
    ),
  );
  t.deepEqual(
    times,
    points.map(({ asInt }) => asInt),
  );
});

test('a point that is larger than a body is left out alone', (t) => {
  const gauge = {
    dataPoints: [{ asInt: '1' }, { asInt: '2', attributes: [{ key: 'k', value: { stringValue: 'x'.repeat(2000) } }] }],
  };
  const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'x', gauge }] }] }] };
  const { bodies, oversized } = bodiesOf(partProto(protobufOf(request), undefined).others, 1000);
  t.deepEqual(oversized, [1]);
  t.deepEqual(
    bodies.map(({ points }) => points),
    [1],
  );
});
