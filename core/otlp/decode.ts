/** Reads an ExportMetricsServiceRequest in protobuf. Field numbers of opentelemetry/proto/metrics/v1 and common/v1. */

import type { AttributeValue } from '../table/dictionary.ts';
import type { DecodedAttributes, DecodedMetric, DecodedPoint, ReadMetric } from './decoded.ts';
import { type ProtoField, protoFields } from './proto-reader.ts';

const none = new Uint8Array(0);
const fieldsOf = (field: ProtoField) => protoFields(field.bytes ?? none, 'otlp/malformed');
const textOf = ({ bytes = none }: ProtoField) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
const signed = ({ varint = 0n }: ProtoField) => Number(BigInt.asIntN(64, varint));

/** The eight bytes of a fixed field; undefined when the field has another type. */
function wordOf({ bytes }: ProtoField): DataView | undefined {
  return bytes?.length === 8 ? new DataView(bytes.buffer, bytes.byteOffset, 8) : undefined;
}

/** Throws a WeirError when the message is malformed. */
export function decodeProto(request: Uint8Array): readonly DecodedMetric[] {
  const metrics: DecodedMetric[] = [];
  for (const field of protoFields(request, 'otlp/malformed')) if (field.number === 1) readResource(field, metrics);
  return metrics;
}

function readResource(ofResource: ProtoField, metrics: DecodedMetric[]): void {
  let resource: DecodedAttributes = [];
  // Fields may come in any order, and what stands around a metric is needed with it.
  for (const field of fieldsOf(ofResource)) if (field.number === 1) resource = attributesOf(field.bytes ?? none, 1);
  for (const field of fieldsOf(ofResource)) if (field.number === 2) readScope(field, resource, metrics);
}

function readScope({ bytes = none }: ProtoField, resource: DecodedAttributes, metrics: DecodedMetric[]): void {
  const scope = scopeOf(bytes);
  for (const field of protoFields(bytes, 'otlp/malformed')) {
    if (field.number === 2) metrics.push({ resource, scope, ...metricOf(field.bytes ?? none) });
  }
}

/** Of a message ScopeMetrics. */
export function scopeOf(ofScope: Uint8Array): DecodedMetric['scope'] {
  const scope = { name: '', version: '' };
  for (const field of protoFields(ofScope, 'otlp/malformed')) {
    if (field.number !== 1) continue;
    for (const part of fieldsOf(field)) {
      if (part.number === 1) scope.name = textOf(part);
      if (part.number === 2) scope.version = textOf(part);
    }
  }
  return scope;
}

const GAUGE = 5;
const SUM = 7;
/** Histogram, exponential histogram, summary. */
const OTHERS: ReadonlySet<number> = new Set([9, 10, 11]);

/** Of a message Metric. */
export function metricOf(metric: Uint8Array): ReadMetric {
  let name = '';
  let temporality: DecodedMetric['temporality'] = 'other';
  let unread = 0;
  const points: DecodedPoint[] = [];
  for (const field of protoFields(metric, 'otlp/malformed')) {
    if (field.number === 1) name = textOf(field);
    if (field.number !== GAUGE && field.number !== SUM && !OTHERS.has(field.number)) continue;
    for (const part of fieldsOf(field)) {
      if (part.number === 2 && field.number === SUM) {
        temporality = part.varint === 1n ? 'delta' : part.varint === 2n ? 'cumulative' : 'other';
      }
      if (part.number !== 1) continue;
      const point = OTHERS.has(field.number) ? undefined : pointOf(part);
      if (point === undefined) unread++;
      else points.push(point);
    }
  }
  return { name, temporality, points, unread };
}

/** Undefined for a point without a value. */
function pointOf(point: ProtoField): DecodedPoint | undefined {
  const attributes: (readonly [string, AttributeValue])[] = [];
  let startNs = 0n;
  let timeNs = 0n;
  let value: number | undefined;
  for (const field of fieldsOf(point)) {
    if (field.number === 2) startNs = wordOf(field)?.getBigUint64(0, true) ?? 0n;
    else if (field.number === 3) timeNs = wordOf(field)?.getBigUint64(0, true) ?? 0n;
    else if (field.number === 4) value = wordOf(field)?.getFloat64(0, true);
    else if (field.number === 6) value = Number(wordOf(field)?.getBigInt64(0, true) ?? 0n);
    else if (field.number === 7) readAttribute(field, attributes);
  }
  return value === undefined ? undefined : { attributes, startNs, timeNs, value };
}

/** Those in the fields of this number. */
export function attributesOf(message: Uint8Array, number: number): DecodedAttributes {
  const attributes: (readonly [string, AttributeValue])[] = [];
  for (const field of protoFields(message, 'otlp/malformed'))
    if (field.number === number) readAttribute(field, attributes);
  return attributes;
}

/** Of a message Resource, the first of each name; undefined: a list, a map or bytes. */
export function attributeMap(resource: Uint8Array = none): ReadonlyMap<string, AttributeValue | undefined> {
  const map = new Map<string, AttributeValue | undefined>();
  const read: (readonly [string, AttributeValue])[] = [];
  for (const field of protoFields(resource, 'otlp/malformed')) {
    if (field.number !== 1) continue;
    readAttribute(field, read);
    const [key, value] = read.pop() ?? unreadAttribute(field);
    if (!map.has(key)) map.set(key, value);
  }
  return map;
}

/** An attribute without a value is one with an empty text. */
function unreadAttribute(attribute: ProtoField): readonly [string, '' | undefined] {
  let key = '';
  let value: '' | undefined = '';
  for (const field of fieldsOf(attribute)) {
    if (field.number === 1) key = textOf(field);
    if (field.number === 2 && field.bytes?.length) value = undefined;
  }
  return [key, value];
}

/** Most attributes of a point were those of others: by their bytes they are read once. With more, all are forgotten. */
const MAX_KNOWN_ATTRIBUTES = 50_000;
const MAX_KNOWN_BYTES = 256;
const knownAttributes = new Map<string, readonly [string, AttributeValue]>();

function readAttribute(attribute: ProtoField, attributes: (readonly [string, AttributeValue])[]): void {
  const { bytes = none } = attribute;
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const known = knownAttributes.get(key);
  if (known !== undefined) {
    attributes.push(known);
    return;
  }
  const before = attributes.length;
  readNewAttribute(attribute, attributes);
  if (attributes.length === before || bytes.length > MAX_KNOWN_BYTES) return;
  if (knownAttributes.size >= MAX_KNOWN_ATTRIBUTES) knownAttributes.clear();
  knownAttributes.set(key, attributes[before]!);
}

function readNewAttribute(attribute: ProtoField, attributes: (readonly [string, AttributeValue])[]): void {
  let key = '';
  let value: AttributeValue | undefined;
  for (const field of fieldsOf(attribute)) {
    if (field.number === 1) key = textOf(field);
    if (field.number === 2) value = anyValueOf(field);
  }
  if (value !== undefined) attributes.push([key, value]);
}

function anyValueOf(value: ProtoField): AttributeValue | undefined {
  let read: AttributeValue | undefined;
  for (const field of fieldsOf(value)) {
    if (field.number === 1) read = textOf(field);
    else if (field.number === 2) read = field.varint !== 0n;
    else if (field.number === 3) read = signed(field);
    else if (field.number === 4) read = wordOf(field)?.getFloat64(0, true);
  }
  return read;
}
