/**
 * Tables of metrics that are no flows as bodies of ExportMetricsServiceRequest: the bytes that came, with what processors
 * say of the resource. What is larger than a body is cut between scopes, metrics or points; all around the cut is said again.
 */

import type { ResourceMetricsTable } from '../table/resource-metrics.ts';
import { fieldNumbers } from './metrics-messages.ts';
import { ProtoCursor } from './proto-reader.ts';
import { fieldHead, messageField } from './proto-writer.ts';

/** Tag and length of a ResourceMetrics, and those of its resource. */
const FRAMES_BYTES = 12;

/** The message ResourceMetrics of a table. */
export const resourceMetricsMessage = (table: ResourceMetricsTable): Uint8Array => Buffer.concat(partsOf(table));

const partsOf = ({ resource, content }: ResourceMetricsTable): readonly Uint8Array[] =>
  resource === undefined ? [content] : [fieldHead(fieldNumbers.resource, resource.length), resource, content];

/** The bodies of these tables, in order. A point that fits into none is left out and told to `onOversized`. */
export function* resourceMetricsBodies(
  tables: readonly ResourceMetricsTable[],
  maxBodyBytes: number,
  onOversized: (points: number) => void,
): Generator<{ readonly body: Uint8Array; readonly points: number }> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let points = 0;
  for (const { table, points: held } of fitting(tables, maxBodyBytes, onOversized)) {
    const message = partsOf(table);
    const head = fieldHead(fieldNumbers.resourceMetrics, lengthOf(message));
    const length = head.length + lengthOf(message);
    if (bytes > 0 && bytes + length > maxBodyBytes) {
      yield { body: Buffer.concat(parts), points };
      [parts, bytes, points] = [[], 0, 0];
    }
    parts.push(head, ...message);
    bytes += length;
    points += held;
  }
  // Each byte is copied once, however large the tables are.
  if (parts.length > 0) yield { body: Buffer.concat(parts, bytes), points };
}

/** The tables, each as often as it takes for its parts to fit. */
function* fitting(
  tables: readonly ResourceMetricsTable[],
  maxBytes: number,
  onOversized: (points: number) => void,
): Generator<{ readonly table: ResourceMetricsTable; readonly points: number }> {
  for (const table of tables) {
    const room = maxBytes - FRAMES_BYTES - (table.resource?.length ?? 0);
    if (table.content.length <= room) {
      yield { table, points: table.points };
      continue;
    }
    let left = table.points;
    for (const { bytes, points } of cut(table.content, room, levels)) {
      left -= points;
      yield { table: { ...table, content: bytes }, points };
    }
    if (left > 0) onOversized(left);
  }
}

/** Which fields of a message may be told from each other, from the outside in. */
const levels: readonly ReadonlySet<number>[] = [
  new Set([fieldNumbers.scopeMetrics]),
  new Set([fieldNumbers.metrics]),
  fieldNumbers.data,
  new Set([fieldNumbers.dataPoints]),
];

interface Part {
  readonly bytes: Uint8Array;
  readonly points: number;
}

/** The message as several of the same type, of at most that many bytes each; what cannot be cut so far is left out. */
function* cut(message: Uint8Array, maxBytes: number, [parted, ...inner]: typeof levels): Generator<Part> {
  const shared: Uint8Array[] = [];
  const items: { readonly number: number; readonly field: Uint8Array; readonly content: Uint8Array }[] = [];
  const cursor = new ProtoCursor(message);
  while (cursor.next()) {
    const field = message.subarray(cursor.start, cursor.to);
    if (parted?.has(cursor.number) && cursor.wireType === 2) {
      items.push({ number: cursor.number, field, content: cursor.bytes() });
    } else shared.push(field);
  }
  const room = maxBytes - lengthOf(shared);
  let fields: Uint8Array[] = [];
  let points = 0;
  let bytes = 0;
  for (const { number, field, content } of items) {
    for (const part of field.length <= room
      ? [wholeOf(field, content, inner)]
      : cutItem(number, content, room, inner)) {
      if (bytes > 0 && bytes + part.bytes.length > room) {
        yield { bytes: Buffer.concat([...shared, ...fields]), points };
        [fields, bytes, points] = [[], 0, 0];
      }
      fields.push(part.bytes);
      bytes += part.bytes.length;
      points += part.points;
    }
  }
  if (fields.length > 0) yield { bytes: Buffer.concat([...shared, ...fields]), points };
}

const wholeOf = (field: Uint8Array, content: Uint8Array, inner: typeof levels): Part => ({
  bytes: field,
  points: pointsWithin(content, inner),
});

function* cutItem(number: number, content: Uint8Array, room: number, inner: typeof levels): Generator<Part> {
  // A point: there is nothing in it to be told apart.
  if (inner.length === 0) return;
  for (const { bytes, points } of cut(content, room - FRAMES_BYTES, inner)) {
    yield { bytes: messageField(number, bytes), points };
  }
}

function pointsWithin(message: Uint8Array, [parted, ...inner]: typeof levels): number {
  if (parted === undefined) return 1;
  let points = 0;
  const cursor = new ProtoCursor(message);
  while (cursor.next()) {
    if (parted.has(cursor.number) && cursor.wireType === 2) points += pointsWithin(cursor.bytes(), inner);
  }
  return points;
}

const lengthOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);
