/** One attribute as an OTLP KeyValue: string, bool, int or double. Field numbers of opentelemetry/proto/common/v1. */

import type { AttributeValue } from '../table/dictionary.ts';
import {
  lengthDelimitedTag,
  messageField,
  NEGATIVE_VARINT_BYTES,
  varintLength,
  writeNegativeVarint,
  writeVarint,
} from './proto-writer.ts';

const KEY_FIELD = 1;
const VALUE_TAG = lengthDelimitedTag(2);
const STRING_VALUE_TAG = lengthDelimitedTag(1);
const BOOL_VALUE_TAG = 2 << 3;
const INT_VALUE_TAG = 3 << 3;
const DOUBLE_VALUE_TAG = (4 << 3) | 1;

/** UTF-16 text grows to at most three bytes a unit in UTF-8. */
const MAX_UTF8_BYTES_PER_UNIT = 3;
/** Tags and lengths of a KeyValue, its AnyValue and a number in it: more than any of them takes. */
const MAX_FRAME_BYTES = 32;

/** The `key` field as it stands at the start of every KeyValue of this name. */
export const attributeKey = (name: string): Uint8Array => messageField(KEY_FIELD, Buffer.from(name));

/** An upper limit of what `writeAttribute` writes. */
export function attributeBytesAtMost(key: Uint8Array, value: AttributeValue): number {
  return MAX_FRAME_BYTES + key.length + (typeof value === 'string' ? value.length * MAX_UTF8_BYTES_PER_UNIT : 0);
}

/** Writes the attribute as a length-delimited field with this tag; gives the offset behind it. */
export function writeAttribute(
  bytes: Buffer,
  offset: number,
  tag: number,
  key: Uint8Array,
  value: AttributeValue,
): number {
  const textBytes = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  const anyBytes = anyValueBytes(value, textBytes);
  let at = offset;
  bytes[at++] = tag;
  at = writeVarint(bytes, at, key.length + 1 + varintLength(anyBytes) + anyBytes);
  bytes.set(key, at);
  at += key.length;
  bytes[at++] = VALUE_TAG;
  at = writeVarint(bytes, at, anyBytes);
  return writeAnyValue(bytes, at, value, textBytes);
}

/** The same as bytes of its own, for what is written once a request. */
export function attributeField(field: number, name: string, value: AttributeValue): Uint8Array {
  const key = attributeKey(name);
  const bytes = Buffer.alloc(attributeBytesAtMost(key, value));
  return bytes.subarray(0, writeAttribute(bytes, 0, lengthDelimitedTag(field), key, value));
}

function anyValueBytes(value: AttributeValue, textBytes: number): number {
  if (typeof value === 'string') return 1 + varintLength(textBytes) + textBytes;
  if (typeof value === 'boolean') return 2;
  if (!Number.isSafeInteger(value)) return 9;
  return 1 + (value < 0 ? NEGATIVE_VARINT_BYTES : varintLength(value));
}

function writeAnyValue(bytes: Buffer, offset: number, value: AttributeValue, textBytes: number): number {
  if (typeof value === 'string') {
    bytes[offset] = STRING_VALUE_TAG;
    const at = writeVarint(bytes, offset + 1, textBytes);
    return at + bytes.write(value, at, 'utf8');
  }
  if (typeof value === 'boolean') {
    bytes[offset] = BOOL_VALUE_TAG;
    bytes[offset + 1] = value ? 1 : 0;
    return offset + 2;
  }
  if (!Number.isSafeInteger(value)) {
    bytes[offset] = DOUBLE_VALUE_TAG;
    return bytes.writeDoubleLE(value, offset + 1);
  }
  bytes[offset] = INT_VALUE_TAG;
  return value < 0 ? writeNegativeVarint(bytes, offset + 1, value) : writeVarint(bytes, offset + 1, value);
}
