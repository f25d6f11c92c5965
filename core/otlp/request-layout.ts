/**
 * How points stand in a request: resource, scope, metric and sum around them, each with its length known before it is
 * written. Field numbers of opentelemetry/proto/metrics/v1.
 */

import type { MetricDescriptor, MetricTable, Temporality } from '../table/metric-table.ts';
import type { Resource, Scope } from '../table/resource.ts';
import { attributeField } from './attribute.ts';
import { type PointPlaces, START_FROM_END, TIME_FROM_END, VALUE_FROM_END } from './point-arena.ts';
import { lengthDelimitedTag, messageField, stringField, varintLength, writeVarint } from './proto-writer.ts';

/** One Metric of a request: tables of the same descriptor and temporality. */
export interface MetricGroup {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly metric: MetricDescriptor;
  readonly temporality: Temporality;
  readonly tables: MetricTable[];
}

/** Points `from` to `to` (excluded) of a table, with the bytes they take. */
export interface Slice {
  readonly group: MetricGroup;
  readonly table: MetricTable;
  readonly places: PointPlaces;
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

/** A message on its way to the buffer: `header` holds its small fields, then come children or points. */
export interface Message {
  readonly tag: number;
  readonly header: Uint8Array;
  readonly children: Message[];
  readonly slices: Slice[];
  contentBytes: number;
}

/** Tag and length of the four messages around the points. */
const MAX_FRAMES_BYTES = 4 * 6;

/** The resource messages of one body, as deep as the points. Slices of one group stand side by side. */
export function messagesOf(slices: readonly Slice[]): readonly Message[] {
  const resources: Message[] = [];
  let last: { group: MetricGroup; resource: Message; scope: Message; sum: Message } | undefined;
  for (const slice of slices) {
    const { group } = slice;
    if (last?.group !== group) {
      const sameResource = last?.group.resource === group.resource;
      const resource = sameResource ? last!.resource : message(1, resourceHeader(group.resource));
      if (!sameResource) resources.push(resource);
      const sameScope = sameResource && last?.group.scope === group.scope;
      const scope = sameScope ? last!.scope : message(2, scopeHeader(group.scope));
      if (!sameScope) resource.children.push(scope);
      const sum = message(7, sumHeader(group.temporality));
      const metric = message(2, metricHeader(group.metric));
      metric.children.push(sum);
      scope.children.push(metric);
      last = { group, resource, scope, sum };
    }
    last.sum.slices.push(slice);
  }
  return resources;
}

const message = (field: number, header: Uint8Array): Message => ({
  tag: lengthDelimitedTag(field),
  header,
  children: [],
  slices: [],
  contentBytes: 0,
});

const resourceHeader = (resource: Resource): Uint8Array =>
  messageField(1, ...Object.entries(resource.attributes).map(([name, value]) => attributeField(1, name, value)));

const scopeHeader = (scope: Scope): Uint8Array =>
  messageField(1, stringField(1, scope.name), stringField(2, scope.version));

const metricHeader = (metric: MetricDescriptor): Uint8Array =>
  Buffer.concat([stringField(1, metric.name), stringField(2, metric.description), stringField(3, metric.unit)]);

/** aggregation_temporality and is_monotonic. */
const sumHeader = (temporality: Temporality): Uint8Array =>
  Uint8Array.of(2 << 3, temporality === 'delta' ? 1 : 2, 3 << 3, 1);

/** What a body that begins with this group holds beside its points, at most. */
export function overheadBytes({ resource, scope, metric, temporality }: MetricGroup): number {
  const headers = [resourceHeader(resource), scopeHeader(scope), metricHeader(metric), sumHeader(temporality)];
  return headers.reduce((sum, header) => sum + header.length, MAX_FRAMES_BYTES);
}

/** Fills in the lengths from the inside out; gives the bytes of the message with its tag and length. */
export function measure(message: Message): number {
  let content = message.header.length;
  for (const child of message.children) content += measure(child);
  for (const slice of message.slices) content += slice.bytes;
  message.contentBytes = content;
  return 1 + varintLength(content) + content;
}

export function writeMessage(bytes: Uint8Array, view: DataView, offset: number, message: Message): number {
  let at = offset;
  bytes[at++] = message.tag;
  at = writeVarint(bytes, at, message.contentBytes);
  bytes.set(message.header, at);
  at += message.header.length;
  for (const child of message.children) at = writeMessage(bytes, view, at, child);
  for (const slice of message.slices) at = writePoints(bytes, view, at, slice);
  return at;
}

const LOW_WORD = 0xffff_ffffn;
const WORD = 0x1_0000_0000;

/** The hot loop: 64-bit numbers are written as two words, because a BigInt a point would cost more than the rest. */
function writePoints(bytes: Uint8Array, view: DataView, offset: number, slice: Slice): number {
  const { table, places } = slice;
  const { ids, values, startCodes, endNs } = table;
  const { offsets, lengths } = places;
  const startLow = Uint32Array.from(table.starts, (start) => Number(start & LOW_WORD));
  const startHigh = Uint32Array.from(table.starts, (start) => Number(start >> 32n));
  const timeLow = Number(endNs & LOW_WORD);
  const timeHigh = Number(endNs >> 32n);
  let at = offset;
  for (let point = slice.from; point < slice.to; point++) {
    const id = ids[point]!;
    const from = offsets[id]!;
    const length = lengths[id]!;
    const start = startCodes === undefined ? 0 : startCodes[point]!;
    const value = values[point]!;
    bytes.copyWithin(at, from, from + length);
    at += length;
    view.setUint32(at - START_FROM_END, startLow[start]!, true);
    view.setUint32(at - START_FROM_END + 4, startHigh[start]!, true);
    view.setUint32(at - TIME_FROM_END, timeLow, true);
    view.setUint32(at - TIME_FROM_END + 4, timeHigh, true);
    view.setUint32(at - VALUE_FROM_END, value, true);
    view.setUint32(at - VALUE_FROM_END + 4, value / WORD, true);
  }
  return at;
}
