/**
 * From the protobuf of a message to the object that OTLP/JSON has for it: 64-bit integers are decimal texts, ids
 * hexadecimal, other bytes base64. Fields that the message has no name for are left out: JSON has no place for them.
 */

import { MAX_DEPTH, type MessageType, type ScalarType } from './metrics-messages.ts';
import { malformed, ProtoCursor } from './proto-reader.ts';

export type JsonObject = { [name: string]: unknown };

/** Throws a WeirError where the message is malformed. */
export function messageToJson(type: MessageType, message: Uint8Array): JsonObject {
  return objectOf(type, new ProtoCursor(message), {}, 0);
}

function objectOf(type: MessageType, cursor: ProtoCursor, into: JsonObject, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw malformed('otlp/malformed', `messages within messages, more than ${MAX_DEPTH}`);
  while (cursor.next()) {
    const field = type.byNumber.get(cursor.number);
    if (field === undefined) continue;
    const { name, type: of, repeated } = field;
    if (typeof of === 'function') {
      // A message that comes in several parts is all of them together.
      if (repeated) append(into, name, objectOf(of(), cursor.inside(), {}, depth + 1));
      else into[name] = objectOf(of(), cursor.inside(), (into[name] ?? {}) as JsonObject, depth + 1);
    } else if (repeated && cursor.wireType === 2 && isNumeric(of)) {
      into[name] ??= [];
      for (const value of packed(of, cursor)) append(into, name, value);
    } else {
      const value = scalarOf(of, cursor);
      if (value === undefined) continue;
      if (repeated) append(into, name, value);
      else into[name] = value;
    }
  }
  return into;
}

function append(into: JsonObject, name: string, value: unknown): void {
  const list = into[name] as unknown[] | undefined;
  if (list === undefined) into[name] = [value];
  else list.push(value);
}

const isNumeric = (type: ScalarType) => type !== 'string' && type !== 'bytes' && type !== 'id';
const wordTypes: ReadonlySet<ScalarType> = new Set(['double', 'fixed64', 'sfixed64']);

function* packed(type: ScalarType, cursor: ProtoCursor): Generator<unknown> {
  const { message, to } = cursor;
  if (wordTypes.has(type)) {
    const view = new DataView(message.buffer, message.byteOffset);
    for (let at = cursor.from; at + 8 <= to; at += 8) yield wordOf(type, view, at);
    return;
  }
  for (let at = cursor.from; at < to; ) {
    let value = 0n;
    for (let shift = 0n; at < to; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    yield varintOf(type, BigInt.asUintN(64, value));
  }
}

/** Undefined where the field has another wire type than it should have. */
function scalarOf(type: ScalarType, cursor: ProtoCursor): unknown {
  const { wireType, message, from } = cursor;
  if (wordTypes.has(type)) {
    return wireType === 1 ? wordOf(type, new DataView(message.buffer, message.byteOffset), from) : undefined;
  }
  if (isNumeric(type)) return wireType === 0 ? varintOf(type, cursor.varint()) : undefined;
  if (wireType !== 2) return undefined;
  const bytes = Buffer.from(message.buffer, message.byteOffset + from, cursor.to - from);
  return bytes.toString(type === 'string' ? 'utf8' : type === 'id' ? 'hex' : 'base64');
}

function wordOf(type: ScalarType, view: DataView, at: number): unknown {
  if (type === 'fixed64') return view.getBigUint64(at, true).toString();
  if (type === 'sfixed64') return view.getBigInt64(at, true).toString();
  const value = view.getFloat64(at, true);
  return Number.isFinite(value) ? value : String(value);
}

function varintOf(type: ScalarType, value: bigint): unknown {
  switch (type) {
    case 'bool':
      return value !== 0n;
    case 'int64':
      return BigInt.asIntN(64, value).toString();
    case 'uint64':
      return value.toString();
    case 'sint32':
      return Number(BigInt.asIntN(32, (value >> 1n) ^ -(value & 1n)));
    case 'uint32':
      return Number(BigInt.asUintN(32, value));
    default:
      return Number(BigInt.asIntN(32, value));
  }
}
