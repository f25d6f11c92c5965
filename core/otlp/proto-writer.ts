/**
 * The protobuf wire format, writing: varints and length-delimited fields. Every length is known before its content is
 * written, so nothing is ever shifted. Messages and their field numbers live in the files that use this one.
 */

/** The first byte of a length-delimited field; field numbers below 16 only. */
export const lengthDelimitedTag = (field: number): number => (field << 3) | 2;

/** Bytes of an integer of 0 to 2^53 as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes an integer of 0 to 2^53; gives the offset behind it. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** A negative int64 is ten bytes of two's complement on the wire. */
export const NEGATIVE_VARINT_BYTES = 10;

export function writeNegativeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let i = 0; i < NEGATIVE_VARINT_BYTES - 1; i++, rest >>= 7n) bytes[offset + i] = Number(rest & 0x7fn) | 0x80;
  bytes[offset + NEGATIVE_VARINT_BYTES - 1] = Number(rest);
  return offset + NEGATIVE_VARINT_BYTES;
}

/** Tag and length of a length-delimited field, for content that is put behind it. */
export function fieldHead(field: number, length: number): Uint8Array {
  const bytes = new Uint8Array(1 + varintLength(length));
  bytes[0] = lengthDelimitedTag(field);
  writeVarint(bytes, 1, length);
  return bytes;
}

/** A length-delimited field of its own: tag, length, content. For what is written once a request, not once a point. */
export function messageField(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(1 + varintLength(length) + length);
  bytes[0] = lengthDelimitedTag(field);
  let at = writeVarint(bytes, 1, length);
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A string field; nothing for the empty string, which is what a reader assumes of an absent field. */
export function stringField(field: number, text: string): Uint8Array {
  return text === '' ? new Uint8Array(0) : messageField(field, Buffer.from(text));
}
