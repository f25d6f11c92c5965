/** The two ways in which bodies come from the API: a page that is read as a whole, and lines that are read as they come. */

import { RequestFailure } from './failure.ts';

/** A page has 100 objects of at most 1.5 MB each (etcd's limit); real ones are near 1 MB in all. */
export const MAX_PAGE_BYTES = 256 * 1024 * 1024;

/** One event of a watch, which is one object. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const FIRST_PAGE_BYTES = 1024 * 1024;
const LINE_END = 0x0a;

export interface PageBuffer {
  clear(): void;
  /** Throws a RequestFailure (`endless`) past MAX_PAGE_BYTES. */
  append(chunk: Buffer): void;
  /** All that was appended; valid until the next call of any kind. */
  bytes(): Buffer;
}

/** One buffer for one page after another: a list of 100,000 pods leaves no garbage of its size behind. */
export function createPageBuffer(): PageBuffer {
  let buffer = Buffer.allocUnsafeSlow(FIRST_PAGE_BYTES);
  let length = 0;
  return {
    clear() {
      length = 0;
    },
    append(chunk) {
      const needed = length + chunk.length;
      if (needed > MAX_PAGE_BYTES) throw tooLong('page', MAX_PAGE_BYTES);
      if (needed > buffer.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
        buffer.copy(grown, 0, 0, length);
        buffer = grown;
      }
      chunk.copy(buffer, length);
      length = needed;
    },
    bytes: () => buffer.subarray(0, length),
  };
}

export type PageTurns = <T>(work: (buffer: PageBuffer) => Promise<T>) => Promise<T>;

/** One page at a time, in the order in which they are asked for: several resources share one buffer. */
export function createPageTurns(): PageTurns {
  const buffer = createPageBuffer();
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(() => work(buffer));
    // Whoever asked has the failure; the next one begins all the same.
    last = mine.catch(() => {});
    return mine;
  };
}

/** Calls back with each line that is not empty, without its end; what has no end when the body stops is dropped. */
export function createLineSplitter(onLine: (line: Buffer) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, start)) {
      const last = chunk.subarray(start, end);
      const line = held === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      held = 0;
      start = end + 1;
      if (line.length > 0) onLine(line);
    }
    if (start === chunk.length) return;
    parts.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held > MAX_LINE_BYTES) throw tooLong('line', MAX_LINE_BYTES);
  };
}

const tooLong = (what: string, limit: number) =>
  new RequestFailure('endless', `a ${what} of more than ${limit / 1024 / 1024} MiB`);
