/**
 * The messages of a recorded file: a line of JSON each, or each behind its length of four bytes, big-endian, as JSON or
 * protobuf, plain or a zstd frame. Which of them a file is, its first bytes tell.
 */

import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { WeirError } from '../../core/errors.ts';
import { decodeProto } from '../../core/otlp/decode.ts';
import { decodeJson } from '../../core/otlp/decode-json.ts';
import type { DecodedMetric } from '../../core/otlp/decoded.ts';

/** A message larger than this, packed or unpacked, is no message. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const LINE_FEED = 0x0a;
const OPENING_BRACE = 0x7b;
const LENGTH_BYTES = 4;
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LINE_FEED;

const decompress = promisify(zstdDecompress);

/** One message, or why it cannot be read. */
export type Message =
  | { readonly place: string; readonly metrics: readonly DecodedMetric[] }
  | { readonly place: string; readonly error: WeirError };

interface RawMessage {
  /** `flows.jsonl:17`, or `flows.otlp: message 17`. */
  readonly place: string;
  /** Undefined: it is longer than a message may be, or the file ends within it. */
  readonly body: Buffer | undefined;
  readonly isLine: boolean;
  readonly problem: string;
}

const malformed = (message: string, fix: string) => new WeirError('otlp/malformed', message, { fix });
const cutFix = 'leave it out, or record again: the recording was cut off or is damaged';

/** Rejects when the file cannot be read. A file whose lengths do not fit ends with the message that says so. */
export async function* readMessages(path: string): AsyncGenerator<Message> {
  for await (const { place, body, isLine, problem } of rawMessages(path)) {
    if (body === undefined) {
      yield { place, error: malformed(problem, cutFix) };
      continue;
    }
    try {
      yield { place, metrics: await decode(body, isLine) };
    } catch (error) {
      if (error instanceof WeirError) yield { place, error: malformed(error.message, error.fix ?? cutFix) };
      else yield { place, error: malformed((error as Error).message, cutFix) };
    }
  }
}

async function decode(body: Buffer, isLine: boolean): Promise<readonly DecodedMetric[]> {
  const isPacked = body.subarray(0, ZSTD_MAGIC.length).equals(ZSTD_MAGIC);
  const plain = isPacked ? await decompress(body, { maxOutputLength: MAX_MESSAGE_BYTES }) : body;
  // The byte of a line feed is also how a protobuf message begins.
  return isLine || plain[0] === OPENING_BRACE ? decodeJson(plain.toString()) : decodeProto(plain);
}

async function* rawMessages(path: string): AsyncGenerator<RawMessage> {
  const chunks = createReadStream(path)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let first = Buffer.alloc(0);
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    first = Buffer.concat([first, next.value]);
    if (first.length >= LENGTH_BYTES) break;
  }
  const rest = { first, chunks };
  if (first.subarray(0, LENGTH_BYTES).equals(ZSTD_MAGIC)) {
    const problem = 'the whole file is a zstd stream, and only messages that are packed one by one can be read';
    yield { place: path, body: undefined, isLine: false, problem: `${problem}: unpack it with zstd -d` };
    return;
  }
  const isText = first[0] === OPENING_BRACE || isBlank(first[0]);
  yield* isText ? lines(path, rest) : buffers(path, rest);
}

interface Input {
  readonly first: Buffer;
  readonly chunks: AsyncIterator<Buffer>;
}

async function* allChunks({ first, chunks }: Input): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

async function* lines(path: string, input: Input): AsyncGenerator<RawMessage> {
  let number = 1;
  let parts: Buffer[] = [];
  let bytes = 0;
  const line = (): RawMessage | undefined => {
    const place = `${path}:${number}`;
    const tooLong = bytes > MAX_MESSAGE_BYTES;
    const body = tooLong ? undefined : Buffer.concat(parts);
    parts = [];
    bytes = 0;
    if (body?.every(isBlank)) return undefined;
    return { place, body, isLine: true, problem: `the line is longer than ${MAX_MESSAGE_BYTES} bytes` };
  };
  const take = (part: Buffer) => {
    bytes += part.length;
    if (bytes <= MAX_MESSAGE_BYTES) parts.push(part);
    else parts = [];
  };
  for await (const chunk of allChunks(input)) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      take(chunk.subarray(from, end));
      from = end + 1;
      const whole = line();
      if (whole !== undefined) yield whole;
      number++;
    }
    take(chunk.subarray(from));
  }
  const last = line();
  if (last !== undefined) yield last;
}

async function* buffers(path: string, input: Input): AsyncGenerator<RawMessage> {
  let number = 1;
  let held: Buffer[] = [];
  let bytes = 0;
  const joined = () => {
    const all = held.length === 1 ? held[0]! : Buffer.concat(held);
    held = [all];
    return all;
  };
  const damaged = (problem: string): RawMessage => ({
    place: `${path}: message ${number}`,
    body: undefined,
    isLine: false,
    problem,
  });
  let wanted = LENGTH_BYTES;
  for await (const chunk of allChunks(input)) {
    held.push(chunk);
    bytes += chunk.length;
    while (bytes >= wanted) {
      const all = joined();
      const length = all.readUInt32BE(0);
      if (length > MAX_MESSAGE_BYTES) {
        yield damaged(
          `a length of ${length} bytes is no length of a message: this is not a recording, or it is damaged`,
        );
        return;
      }
      wanted = LENGTH_BYTES + length;
      if (bytes < wanted) break;
      yield {
        place: `${path}: message ${number}`,
        body: all.subarray(LENGTH_BYTES, wanted),
        isLine: false,
        problem: '',
      };
      held = [all.subarray(wanted)];
      bytes -= wanted;
      wanted = LENGTH_BYTES;
      number++;
    }
  }
  if (bytes > 0) yield damaged('the file ends within it');
}
