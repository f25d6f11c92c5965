/** Reads what the `file` exporter wrote. */

import { readFileSync } from 'node:fs';
import { decodeJsonRequest } from './otlp-protos.ts';
import { pointsOf } from './received-points.ts';

/** The requests of a file whose messages have their length before them. */
export function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    messages.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return messages;
}

/** The requests of a file of JSON lines. */
export const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** The values of all points in them, in order. */
export const valuesIn = (path: string) =>
  linesOf(path).flatMap((line) => pointsOf(decodeJsonRequest(line)).map(({ value }) => value));
