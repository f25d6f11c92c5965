/** The protobuf wire format, reading: the fields of one small message, such as the answer of a server. */

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

const malformed = (origin: ProtoOrigin, what: string) => new WeirError(origin, `malformed protobuf message: ${what}`);

/** The fields in the order of the wire; groups, which proto3 does not have, are malformed. Throws a WeirError of that code. */
export function* protoFields(message: Uint8Array, origin: ProtoOrigin): Generator<ProtoField> {
  let at = 0;

  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw malformed(origin, 'it ends within a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed(origin, 'a number is longer than ten bytes');
  };
  /** The same for tags and lengths, which are far below 2^53: without a BigInt for each. */
  const small = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 0x80) {
      const byte = message[at++];
      if (byte === undefined) throw malformed(origin, 'it ends within a number');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw malformed(origin, 'a number is longer than ten bytes');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw malformed(origin, 'it ends within a field');
    at += length;
    return message.subarray(at - length, at);
  };

  while (at < message.length) {
    const tag = small();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) yield { number, varint: varint() };
    else if (wireType === 1) yield { number, bytes: take(8) };
    else if (wireType === 2) yield { number, bytes: take(small()) };
    else if (wireType === 5) yield { number, bytes: take(4) };
    else throw malformed(origin, `wire type ${wireType}`);
  }
}
