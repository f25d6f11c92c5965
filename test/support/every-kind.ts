/** A request with every kind of metric and every field that OTLP has for them, in JSON and as protobufjs writes it. */

import { encodeRequest } from './otlp-protos.ts';

const TRACE_ID = '5b8efff798038103d269b633813fc60c';
const SPAN_ID = 'eee19b7ec3c1b174';
const times = { startTimeUnixNano: '1700000000000000001', timeUnixNano: '1700000005000000002' };
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

const exemplars = [
  {
    timeUnixNano: '1700000004000000000',
    asDouble: 0.25,
    spanId: SPAN_ID,
    traceId: TRACE_ID,
    filteredAttributes: [text('user', 'ä')],
  },
  { timeUnixNano: '1700000004000000001', asInt: '-7' },
];

const attributes = [
  text('method', 'GET'),
  { key: 'code', value: { intValue: '-9007199254740993' } },
  { key: 'ratio', value: { doubleValue: 0.5 } },
  { key: 'cached', value: { boolValue: false } },
  { key: 'raw', value: { bytesValue: 'AAH/' } },
  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '0' }] } } },
  { key: 'map', value: { kvlistValue: { values: [text('k', 'v')] } } },
  { key: 'empty', value: {} },
];

const metrics = [
  {
    name: 'process.memory',
    description: 'Memory in use.',
    unit: 'By',
    gauge: { dataPoints: [{ ...times, asDouble: 12.5, attributes, flags: 1 }] },
  },
  {
    name: 'http.requests',
    unit: '{request}',
    metadata: [text('team', 'shop')],
    sum: {
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: [
        { ...times, asInt: '9223372036854775807', exemplars },
        { ...times, asInt: '0', attributes: [text('method', 'PUT')] },
      ],
    },
  },
  {
    name: 'http.duration',
    unit: 's',
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [
        {
          ...times,
          count: '18446744073709551615',
          sum: 0,
          bucketCounts: ['1', '2', '0'],
          explicitBounds: [0.5, 1],
          exemplars,
          min: -1.5,
          max: 3,
          attributes,
        },
      ],
    },
  },
  {
    name: 'rpc.size',
    unit: 'By',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          ...times,
          count: '6',
          sum: 20.5,
          scale: -3,
          zeroCount: '1',
          positive: { offset: -5, bucketCounts: ['1', '300', '0'] },
          negative: { offset: 2, bucketCounts: ['1'] },
          exemplars,
          min: 0,
          max: 9,
          zeroThreshold: 0.001,
        },
      ],
    },
  },
  {
    name: 'gc.pause',
    unit: 'ms',
    summary: {
      dataPoints: [{ ...times, count: '3', sum: 4.5, quantileValues: [{ quantile: 0.99, value: 2.25 }], attributes }],
    },
  },
];

/** Data points in it. */
export const EVERY_KIND_POINTS = 6;

/** One resource, as OTLP/JSON has it. */
export function everyKind(resourceAttributes: Readonly<Record<string, string>> = { 'service.name': 'shop' }) {
  return {
    resourceMetrics: [
      {
        resource: {
          attributes: Object.entries(resourceAttributes).map(([key, value]) => text(key, value)),
          droppedAttributesCount: 2,
        },
        scopeMetrics: [
          {
            scope: { name: 'io.shop', version: '1.2.3', attributes: [text('lang', 'ts')], droppedAttributesCount: 1 },
            metrics,
            schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
          },
        ],
        schemaUrl: 'https://opentelemetry.io/schemas/1.31.0',
      },
    ],
  };
}

/** A request in OTLP/JSON as protobuf; protobufjs wants ids as bytes. */
export function protobufOf(request: object): Buffer {
  const withIds = JSON.parse(JSON.stringify(request), (key, value) =>
    key === 'traceId' || key === 'spanId' ? Buffer.from(value, 'hex').toString('base64') : value,
  );
  return encodeRequest(withIds);
}
