/** Reads an ExportMetricsServiceRequest in OTLP/JSON: 64-bit integers as texts or numbers, enumerations by number or name. */

import { WeirError } from '../errors.ts';
import type { AttributeValue } from '../table/dictionary.ts';
import type { DecodedAttributes, DecodedMetric, DecodedPoint, ReadMetric } from './decoded.ts';

export type Fields = Readonly<Record<string, unknown>>;

const malformed = (what: string) =>
  new WeirError('otlp/malformed', what, { fix: 'each line is an ExportMetricsServiceRequest in OTLP/JSON' });

/** Throws a WeirError that says what is wrong with the text. */
export function decodeJson(text: string): readonly DecodedMetric[] {
  return entriesOf(text).flatMap((ofResource) => {
    const resource = resourceOf(ofResource);
    return listOf(ofResource.scopeMetrics, 'scopeMetrics').flatMap((one) => {
      const ofScope = fieldsOf(one, 'an entry of scopeMetrics');
      const from = { resource, scope: scopeOf(ofScope) };
      return listOf(ofScope.metrics, 'metrics').map((metric) => ({
        ...from,
        ...metricOf(fieldsOf(metric, 'a metric')),
      }));
    });
  });
}

/** The entries of `resourceMetrics`. Throws a WeirError where the text is no request. */
export function entriesOf(text: string): readonly Fields[] {
  let request: unknown;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw malformed(`it is not JSON: ${(error as Error).message}`);
  }
  const { resourceMetrics, ...others } = fieldsOf(request, 'the request');
  if (resourceMetrics === undefined && Object.keys(others).length === 0) return [];
  if (resourceMetrics === undefined) throw malformed('it has no resourceMetrics');
  return listOf(resourceMetrics, 'resourceMetrics').map((one) => fieldsOf(one, 'an entry of resourceMetrics'));
}

export const resourceOf = ({ resource }: Fields): DecodedAttributes =>
  attributesOf(fieldsOf(resource ?? {}, 'resource').attributes);

export function scopeOf({ scope }: Fields): DecodedMetric['scope'] {
  const { name = '', version = '' } = fieldsOf(scope ?? {}, 'scope');
  return { name: String(name), version: String(version) };
}

export function metricOf(metric: Fields): ReadMetric {
  const name = String(metric.name ?? '');
  const [kind, data] = ['sum', 'gauge', 'histogram', 'exponentialHistogram', 'summary']
    .map((key) => [key, metric[key]] as const)
    .find(([, value]) => value !== undefined) ?? ['', {}];
  const { dataPoints, aggregationTemporality } = fieldsOf(data, kind);
  const points = listOf(dataPoints, 'dataPoints');
  if (kind !== 'sum' && kind !== 'gauge') return { name, temporality: 'other', points: [], unread: points.length };
  const temporality = kind === 'sum' ? temporalityOf(aggregationTemporality) : 'other';
  const read = points.flatMap((point) => pointOf(fieldsOf(point, 'a point')) ?? []);
  return { name, temporality, points: read, unread: points.length - read.length };
}

function temporalityOf(value: unknown): DecodedMetric['temporality'] {
  if (value === 1 || value === 'AGGREGATION_TEMPORALITY_DELTA') return 'delta';
  return value === 2 || value === 'AGGREGATION_TEMPORALITY_CUMULATIVE' ? 'cumulative' : 'other';
}

/** Undefined for a point without a value. */
function pointOf(point: Fields): DecodedPoint | undefined {
  const value = point.asInt ?? point.asDouble;
  if (value === undefined || value === null) return undefined;
  return {
    attributes: attributesOf(point.attributes),
    startNs: timeOf(point.startTimeUnixNano),
    timeNs: timeOf(point.timeUnixNano),
    value: numberOf(value),
  };
}

function attributesOf(attributes: unknown): DecodedAttributes {
  return listOf(attributes, 'attributes').flatMap((attribute) => {
    const { key = '', value = {} } = fieldsOf(attribute, 'an attribute');
    const read = anyValueOf(fieldsOf(value, 'the value of an attribute'));
    return read === undefined ? [] : [[String(key), read] as const];
  });
}

function anyValueOf({ stringValue, boolValue, intValue, doubleValue }: Fields): AttributeValue | undefined {
  if (stringValue !== undefined) return String(stringValue);
  if (boolValue !== undefined) return boolValue === true;
  if (intValue !== undefined) return numberOf(intValue);
  return doubleValue === undefined ? undefined : numberOf(doubleValue);
}

function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) throw malformed(`${JSON.stringify(value)} is no number`);
  return number;
}

function timeOf(value: unknown): bigint {
  if (value === undefined || value === null) return 0n;
  const isTime = typeof value === 'string' ? /^\d{1,20}$/.test(value) : Number.isSafeInteger(value);
  if (!isTime) throw malformed(`${JSON.stringify(value)} is no time in nanoseconds`);
  return BigInt(value as string | number);
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed(`${what} is no object`);
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw malformed(`${what} is no list`);
}
