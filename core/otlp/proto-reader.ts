/** The protobuf wire format, reading: the fields of one message, one after another. */

import { WeirError } from '../errors.ts';

export interface ProtoField {
  readonly number: number;
  /** Wire type 0, as unsigned 64 bits. */
  readonly varint?: bigint;
  /** Wire types 1, 2 and 5: a view into the message. */
  readonly bytes?: Uint8Array;
}

/** Whose message it is: one that was sent to this agent or recorded, or a server's answer. */
export type ProtoOrigin = 'otlp/malformed' | 'otlp/response';

export const malformed = (origin: ProtoOrigin, what: string) =>
  new WeirError(origin, `malformed protobuf message: ${what}`);

/** The fields in the order of the wire; groups, which proto3 does not have, are malformed. Throws a WeirError of that code. */
export function* protoFields(message: Uint8Array, origin: ProtoOrigin): Generator<ProtoField> {
  const cursor = new ProtoCursor(message, 0, message.length, origin);
  while (cursor.next()) {
    const { number } = cursor;
    if (cursor.wireType === 0) yield { number, varint: cursor.varint() };
    else yield { number, bytes: cursor.bytes() };
  }
}

/**
 * Steps over the fields of a message without an object for each: for messages of which most is only passed on. `from` and
 * `to` are where the content of the field stands, for wire type 2 without its length.
 */
export class ProtoCursor {
  readonly message: Uint8Array;
  readonly #end: number;
  readonly #origin: ProtoOrigin;
  #at: number;
  number = 0;
  wireType = 0;
  /** Where the field begins, with its tag. */
  start = 0;
  from = 0;
  to = 0;

  /** Over `message`, or the part of it that a field of another cursor is. */
  constructor(message: Uint8Array, from = 0, to = message.length, origin: ProtoOrigin = 'otlp/malformed') {
    this.message = message;
    this.#origin = origin;
    this.#at = from;
    this.#end = to;
  }

  /** False at the end. Throws a WeirError where the message is malformed. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.start = this.#at;
    const tag = this.#small();
    this.number = Math.floor(tag / 8);
    this.wireType = tag % 8;
    let length = 0;
    if (this.wireType === 1) length = 8;
    else if (this.wireType === 5) length = 4;
    else if (this.wireType === 2) length = this.#small();
    else if (this.wireType === 0) length = this.#varintLength();
    else throw malformed(this.#origin, `wire type ${this.wireType}`);
    if (length > this.#end - this.#at) throw malformed(this.#origin, 'it ends within a field');
    this.from = this.#at;
    this.#at += length;
    this.to = this.#at;
    return true;
  }

  /** The content of the field: a view. */
  bytes(): Uint8Array {
    return this.message.subarray(this.from, this.to);
  }

  /** The content of the field as UTF-8. */
  text(): string {
    const { message, from, to } = this;
    if (Buffer.isBuffer(message)) return message.toString('utf8', from, to);
    return Buffer.from(message.buffer, message.byteOffset + from, to - from).toString();
  }

  /** Of wire type 0. */
  varint(): bigint {
    let value = 0n;
    for (let at = this.from, shift = 0n; at < this.to; at++, shift += 7n) {
      value |= BigInt(this.message[at]! & 0x7f) << shift;
    }
    return BigInt.asUintN(64, value);
  }

  /** A cursor over the content of the field. */
  inside(): ProtoCursor {
    return new ProtoCursor(this.message, this.from, this.to, this.#origin);
  }

  /** Tags and lengths, which are far below 2^53: without a BigInt. */
  #small(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 0x80) {
      const byte = this.#byteAt(this.#at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw malformed(this.#origin, 'a number is longer than ten bytes');
  }

  #varintLength(): number {
    for (let length = 1; length <= 10; length++) if (this.#byteAt(this.#at + length - 1) < 0x80) return length;
    throw malformed(this.#origin, 'a number is longer than ten bytes');
  }

  #byteAt(at: number): number {
    if (at >= this.#end) throw malformed(this.#origin, 'it ends within a number');
    return this.message[at]!;
  }
}
