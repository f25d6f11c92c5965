/** Adds attributes to the resource of metrics that are no flows, in the bytes that it came in. */

import type { AttributeValue } from '../table/dictionary.ts';
import type { ResourceMetricsTable } from '../table/resource-metrics.ts';
import { attributeField } from './attribute.ts';
import { jsonToMessage } from './json-to-message.ts';
import { keyValue } from './metrics-messages.ts';
import { ProtoCursor } from './proto-reader.ts';
import { messageField } from './proto-writer.ts';

/** A list is one of texts. */
export type GivenValue = string | readonly string[];

/** An attribute with its bytes: made once, it may be given to many resources. */
export interface GivenAttribute {
  readonly name: string;
  readonly value: GivenValue;
  readonly field: Uint8Array;
}

export const attributeOf = (name: string, value: GivenValue): GivenAttribute => ({
  name,
  value,
  field: fieldOf(name, value),
});

/** The table with these attributes on its resource; what is there, and is no empty text, stays. */
export function withResourceAttributes(
  table: ResourceMetricsTable,
  given: Iterable<GivenAttribute>,
): ResourceMetricsTable {
  const attributes = new Map<string, AttributeValue | undefined>(table.attributes);
  const added: Uint8Array[] = [];
  const replaced = new Set<string>();
  for (const { name, value, field } of given) {
    const isThere = attributes.has(name);
    if (isThere && attributes.get(name) !== '') continue;
    if (isThere) replaced.add(name);
    attributes.set(name, typeof value === 'string' ? value : undefined);
    added.push(field);
  }
  if (added.length === 0) return table;
  const { resource = new Uint8Array(0) } = table;
  const kept = replaced.size === 0 ? resource : withoutAttributes(resource, replaced);
  return { ...table, attributes, resource: Buffer.concat([kept, ...added]) };
}

function fieldOf(name: string, value: GivenValue): Uint8Array {
  if (typeof value === 'string') return attributeField(1, name, value);
  const values = value.map((stringValue) => ({ stringValue }));
  return messageField(1, jsonToMessage(keyValue, { key: name, value: { arrayValue: { values } } }, name));
}

function withoutAttributes(resource: Uint8Array, names: ReadonlySet<string>): Uint8Array {
  const kept: Uint8Array[] = [];
  const cursor = new ProtoCursor(resource);
  while (cursor.next()) {
    if (cursor.number === 1 && cursor.wireType === 2 && names.has(keyOf(cursor.inside()))) continue;
    kept.push(resource.subarray(cursor.start, cursor.to));
  }
  return Buffer.concat(kept);
}

function keyOf(attribute: ProtoCursor): string {
  let key = '';
  while (attribute.next()) if (attribute.number === 1 && attribute.wireType === 2) key = attribute.text();
  return key;
}
