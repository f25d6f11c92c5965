/** Metrics that are no flows as lines that a person reads, in the shapes of upstream's debug exporter. */

import { type JsonObject, messageToJson } from '../../core/otlp/message-to-json.ts';
import { resourceMetrics } from '../../core/otlp/metrics-messages.ts';
import { resourceMetricsMessage } from '../../core/otlp/resource-metrics-bodies.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { type Listed, listOfAttributes, timestamp } from './lines.ts';

/** What each kind of metric is called in JSON, by upstream, and its points. */
const kinds = [
  ['gauge', 'Gauge', 'NumberDataPoints'],
  ['sum', 'Sum', 'NumberDataPoints'],
  ['histogram', 'Histogram', 'HistogramDataPoints'],
  ['exponentialHistogram', 'ExponentialHistogram', 'ExponentialHistogramDataPoints'],
  ['summary', 'Summary', 'SummaryDataPoints'],
] as const;
const temporalities = ['Unspecified', 'Delta', 'Cumulative'];

const objectsIn = (parent: JsonObject, name: string) => (parent[name] ?? []) as readonly JsonObject[];
const objectIn = (parent: JsonObject, name: string) => (parent[name] ?? {}) as JsonObject;
const textIn = (parent: JsonObject, name: string) => String(parent[name] ?? '');
const listIn = (parent: JsonObject, name: string) => (parent[name] ?? []) as readonly unknown[];

const attributesIn = (parent: JsonObject, name = 'attributes'): readonly Listed[] =>
  objectsIn(parent, name).map(
    (attribute): Listed => [textIn(attribute, 'key'), shownValue(objectIn(attribute, 'value'))],
  );

const shownTypes: Readonly<Record<string, string>> = {
  stringValue: 'Str',
  boolValue: 'Bool',
  intValue: 'Int',
  doubleValue: 'Double',
  arrayValue: 'Slice',
  kvlistValue: 'Map',
  bytesValue: 'Bytes',
};

function shownValue(value: JsonObject): Listed[1] {
  const [[name, given] = ['', ''] as const] = Object.entries(value);
  const text = typeof given === 'object' ? JSON.stringify(given) : String(given);
  return { plain: text, typed: name === '' ? 'Empty()' : `${shownTypes[name]}(${text})` };
}

const decoded = (table: ResourceMetricsTable) => messageToJson(resourceMetrics, resourceMetricsMessage(table));

/** One line a point. */
export function normalLines(tables: readonly ResourceMetricsTable[], first: number): string {
  const lines: string[] = [];
  for (const [at, table] of tables.entries()) {
    const entry = decoded(table);
    const pairs = attributesIn(objectIn(entry, 'resource')).map(([name, { plain }]) => ` ${name}=${plain}`);
    lines.push(`ResourceMetrics #${first + at}${pairs.join('')}`);
    for (const [number, ofScope] of objectsIn(entry, 'scopeMetrics').entries()) {
      const scope = objectIn(ofScope, 'scope');
      lines.push(`ScopeMetrics #${number} ${textIn(scope, 'name')}@${textIn(scope, 'version')}`);
      for (const metric of objectsIn(ofScope, 'metrics')) lines.push(...normalPoints(metric));
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

function normalPoints(metric: JsonObject): readonly string[] {
  const data = kinds.map(([name]) => metric[name]).find((one) => one !== undefined) as JsonObject | undefined;
  return objectsIn(data ?? {}, 'dataPoints').map((point) => {
    const pairs = attributesIn(point).map(([name, { plain }]) => `${name}=${plain}`);
    return `${textIn(metric, 'name')}{${pairs.join(',')}} ${numbersOf(point)} ${textIn(metric, 'unit')}`.trimEnd();
  });
}

function numbersOf(point: JsonObject): string {
  const number = point.asInt ?? point.asDouble;
  if (number !== undefined) return String(number);
  const bounds = [...listIn(point, 'explicitBounds'), '+Inf'];
  return [
    ...['count', 'sum', 'min', 'max'].flatMap((name) => (point[name] === undefined ? [] : [`${name}=${point[name]}`])),
    ...listIn(point, 'bucketCounts').map((count, at) => `le${bounds[at]}=${count}`),
    ...objectsIn(point, 'quantileValues').map((one) => `q${one.quantile ?? 0}=${one.value ?? 0}`),
  ].join(' ');
}

/** Every field, one a line. */
export function detailedLines(tables: readonly ResourceMetricsTable[], first: number): string {
  return tables
    .map((table, at) => {
      const entry = decoded(table);
      const attributes = listOfAttributes('Resource attributes', attributesIn(objectIn(entry, 'resource')));
      const scopes = objectsIn(entry, 'scopeMetrics').map(detailedScope);
      return `ResourceMetrics #${first + at}\nResource SchemaURL: ${textIn(entry, 'schemaUrl')}\n${attributes}${scopes.join('')}`;
    })
    .join('');
}

function detailedScope(ofScope: JsonObject, number: number): string {
  const scope = objectIn(ofScope, 'scope');
  const head = [
    `ScopeMetrics #${number}`,
    `ScopeMetrics SchemaURL: ${textIn(ofScope, 'schemaUrl')}`,
    `InstrumentationScope ${textIn(scope, 'name')} ${textIn(scope, 'version')}\n`,
  ].join('\n');
  return `${head}${objectsIn(ofScope, 'metrics').map(detailedMetric).join('')}`;
}

function detailedMetric(metric: JsonObject, number: number): string {
  const [name, type, pointsOf] = kinds.find(([one]) => metric[one] !== undefined) ?? ['', 'Empty', ''];
  const data = objectIn(metric, name);
  const sum = name === 'sum' ? [`     -> IsMonotonic: ${data.isMonotonic === true}`] : [];
  const temporality = temporalities[Number(data.aggregationTemporality ?? 0)];
  const hasTemporality = name === 'sum' || name === 'histogram' || name === 'exponentialHistogram';
  const head = [
    `Metric #${number}`,
    'Descriptor:',
    `     -> Name: ${textIn(metric, 'name')}`,
    `     -> Description: ${textIn(metric, 'description')}`,
    `     -> Unit: ${textIn(metric, 'unit')}`,
    `     -> DataType: ${type}`,
    ...sum,
    ...(hasTemporality ? [`     -> AggregationTemporality: ${temporality}`] : []),
  ];
  const points = objectsIn(data, 'dataPoints').map((point, at) => `${pointsOf} #${at}\n${detailedPoint(point)}`);
  return `${head.join('\n')}\n${points.join('')}`;
}

const numbers = [
  ['asInt', 'Value'],
  ['asDouble', 'Value'],
  ['count', 'Count'],
  ['sum', 'Sum'],
  ['min', 'Min'],
  ['max', 'Max'],
  ['scale', 'Scale'],
  ['zeroCount', 'ZeroCount'],
  ['zeroThreshold', 'ZeroThreshold'],
] as const;

function detailedPoint(point: JsonObject): string {
  const time = (name: string) => timestamp(BigInt(textIn(point, name) || 0));
  const lines = [
    `StartTimestamp: ${time('startTimeUnixNano')}`,
    `Timestamp: ${time('timeUnixNano')}`,
    ...numbers.flatMap(([name, title]) => (point[name] === undefined ? [] : [`${title}: ${point[name]}`])),
    ...listIn(point, 'explicitBounds').map((bound, at) => `ExplicitBounds #${at}: ${bound}`),
    ...listIn(point, 'bucketCounts').map((count, at) => `Buckets #${at}, Count: ${count}`),
    ...(['positive', 'negative'] as const).flatMap((side) => bucketLines(side, objectIn(point, side))),
    ...objectsIn(point, 'quantileValues').map(
      (one, at) => `QuantileValue #${at}: Quantile ${one.quantile ?? 0}, Value ${one.value ?? 0}`,
    ),
  ];
  const exemplars = objectsIn(point, 'exemplars').map((exemplar, at) => exemplarLines(exemplar, at));
  return [
    listOfAttributes('Data point attributes', attributesIn(point)),
    lines.map((line) => `${line}\n`).join(''),
    exemplars.length === 0 ? '' : `Exemplars:\n${exemplars.join('')}`,
  ].join('');
}

function bucketLines(side: string, buckets: JsonObject): readonly string[] {
  const counts = listIn(buckets, 'bucketCounts');
  return counts.map((count, at) => `${side} bucket ${Number(buckets.offset ?? 0) + at}, Count: ${count}`);
}

function exemplarLines(exemplar: JsonObject, number: number): string {
  const lines = [
    `Exemplar #${number}`,
    `     -> Trace ID: ${textIn(exemplar, 'traceId')}`,
    `     -> Span ID: ${textIn(exemplar, 'spanId')}`,
    `     -> Timestamp: ${timestamp(BigInt(textIn(exemplar, 'timeUnixNano') || 0))}`,
    `     -> Value: ${exemplar.asInt ?? exemplar.asDouble ?? 0}\n`,
  ];
  return `${lines.join('\n')}${listOfAttributes('     -> FilteredAttributes', attributesIn(exemplar, 'filteredAttributes'))}`;
}
