/**
 * From an object of OTLP/JSON to the protobuf of its message. Own code, because protobufjs takes `"abc"` for an integer and
 * ids for base64. Keys in snake_case, names of enumeration values and null are understood, as a collector does; keys that
 * the message does not have are left out, as the specification says.
 */

import { WeirError } from '../errors.ts';
import { enumNames, MAX_DEPTH, type MessageField, type MessageType, type ScalarType } from './metrics-messages.ts';
import { messageField } from './proto-writer.ts';

const malformed = (what: string) => new WeirError('otlp/malformed', what);
const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 60);

/** Throws a WeirError that names the key and the value which cannot be. */
export function jsonToMessage(type: MessageType, value: unknown, what: string): Uint8Array {
  return messageOf(type, value, what, 0);
}

function messageOf(type: MessageType, value: unknown, what: string, depth: number): Uint8Array {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${what} is no object`);
  if (depth > MAX_DEPTH) throw malformed(`${what}: values within values, more than ${MAX_DEPTH}`);
  const parts: Uint8Array[] = [];
  for (const [key, given] of Object.entries(value)) {
    const field = type.byName.get(key) ?? type.byName.get(camelCase(key));
    if (field === undefined || given === null) continue;
    if (!field.repeated) parts.push(fieldOf(field, given, key, depth));
    else if (!Array.isArray(given)) throw malformed(`${key} is no list`);
    else parts.push(...listOf(field, given, key, depth));
  }
  return Buffer.concat(parts);
}

const camelCase = (key: string) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function fieldOf(field: MessageField, value: unknown, key: string, depth: number): Uint8Array {
  const { number, type, presence } = field;
  if (typeof type === 'function') return messageField(number, messageOf(type(), value, key, depth + 1));
  const { wireType, bytes } = scalarOf(type, value, key);
  const isDefault = bytes.every((byte) => byte === 0);
  if (isDefault && !presence) return new Uint8Array(0);
  return wireType === 2 ? messageField(number, bytes) : Buffer.concat([Uint8Array.of((number << 3) | wireType), bytes]);
}

function listOf(field: MessageField, values: readonly unknown[], key: string, depth: number): readonly Uint8Array[] {
  const { number, type } = field;
  if (typeof type === 'function') {
    return values.map((value) => messageField(number, messageOf(type(), value, `an entry of ${key}`, depth + 1)));
  }
  const scalars = values.map((value) => scalarOf(type, value, key));
  if (scalars.length === 0) return [];
  if (scalars[0]!.wireType === 2) return scalars.map(({ bytes }) => messageField(number, bytes));
  return [messageField(number, ...scalars.map(({ bytes }) => bytes))];
}

interface Scalar {
  readonly wireType: 0 | 1 | 2;
  readonly bytes: Uint8Array;
}

function scalarOf(type: ScalarType, value: unknown, key: string): Scalar {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw malformed(`${key}: ${shown(value)} is no text`);
      return { wireType: 2, bytes: Buffer.from(value) };
    case 'bytes':
    case 'id':
      return { wireType: 2, bytes: bytesOf(type, value, key) };
    case 'double':
      return word((view) => view.setFloat64(0, doubleOf(value, key), true));
    case 'fixed64':
      return word((view) => view.setBigUint64(0, integerOf(value, key, 0n, 2n ** 64n), true));
    case 'sfixed64':
      return word((view) => view.setBigInt64(0, integerOf(value, key, -(2n ** 63n), 2n ** 63n), true));
    default:
      return { wireType: 0, bytes: varint(varintOf(type, value, key)) };
  }
}

function word(write: (view: DataView) => void): Scalar {
  const bytes = new Uint8Array(8);
  write(new DataView(bytes.buffer));
  return { wireType: 1, bytes };
}

function bytesOf(type: 'bytes' | 'id', value: unknown, key: string): Uint8Array {
  const isId = type === 'id';
  const pattern = isId ? /^([0-9a-fA-F]{2})*$/ : /^[0-9A-Za-z+/_-]*={0,2}$/;
  if (typeof value === 'string' && pattern.test(value)) return Buffer.from(value, isId ? 'hex' : 'base64');
  throw malformed(`${key}: ${shown(value)} is not ${isId ? 'hexadecimal' : 'base64'}`);
}

const infinities: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity };

function doubleOf(value: unknown, key: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && Object.hasOwn(infinities, value)) return infinities[value]!;
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (Number.isNaN(read)) throw malformed(`${key}: ${shown(value)} is no number`);
  return read;
}

/** From `least` on, below `end`. */
function integerOf(value: unknown, key: string, least: bigint, end: bigint): bigint {
  const isInteger = typeof value === 'string' ? /^-?\d{1,20}$/.test(value) : Number.isInteger(value);
  const read = isInteger ? BigInt(value as string | number) : undefined;
  if (read === undefined || read < least || read >= end) throw malformed(`${key}: ${shown(value)} is no such integer`);
  return read;
}

function varintOf(type: ScalarType, value: unknown, key: string): bigint {
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw malformed(`${key}: ${shown(value)} is neither true nor false`);
    return value ? 1n : 0n;
  }
  if (type === 'enum') {
    const named = typeof value === 'string' && Object.hasOwn(enumNames, value) ? enumNames[value] : value;
    return integerOf(named, key, 0n, 2n ** 31n);
  }
  if (type === 'sint32') {
    const read = integerOf(value, key, -(2n ** 31n), 2n ** 31n);
    return read < 0n ? -2n * read - 1n : 2n * read;
  }
  if (type === 'uint32') return integerOf(value, key, 0n, 2n ** 32n);
  return type === 'uint64' ? integerOf(value, key, 0n, 2n ** 64n) : integerOf(value, key, -(2n ** 63n), 2n ** 63n);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
