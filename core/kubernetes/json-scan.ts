/**
 * Reads the wanted parts of JSON out of its bytes and steps over the rest without making anything of it. A pod is 7 KB of
 * text of which 300 bytes are used: stepping over costs about a nanosecond a byte and no memory. It trusts the server to
 * send JSON: what is stepped over is not checked beyond its brackets and strings, and text that ends too early throws.
 */

export interface Cursor {
  readonly bytes: Buffer;
  /** The next byte to look at. */
  at: number;
}

/** Reads one value and moves behind it; undefined for a value of another type, which is stepped over. */
export type Reader<T> = (cursor: Cursor) => T | undefined;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const LAST_SPACE = 0x20;
const LAST_ASCII = 0x7f;

/** Reads the value that is the whole of the bytes. */
export const readJson = <T>(bytes: Buffer, reader: Reader<T>): T | undefined => reader({ bytes, at: 0 });

export const text: Reader<string> = (cursor) => {
  if (nextByte(cursor) === QUOTE) return readString(cursor);
  skipValue(cursor);
  return undefined;
};

export const number: Reader<number> = (cursor) => {
  nextByte(cursor);
  const start = cursor.at;
  skipValue(cursor);
  const value = Number(cursor.bytes.toString('latin1', start, cursor.at));
  return Number.isFinite(value) ? value : undefined;
};

/** True for `true`, undefined for all else. */
export const flag: Reader<true> = (cursor) => {
  const isTrue = nextByte(cursor) === 0x74;
  skipValue(cursor);
  return isTrue ? true : undefined;
};

/** Elements whose reader gives undefined are left out. */
export function list<T>(element: Reader<T>): Reader<T[]> {
  return (cursor) => {
    if (nextByte(cursor) !== OPEN_BRACKET) {
      skipValue(cursor);
      return undefined;
    }
    const values: T[] = [];
    cursor.at++;
    while (nextByte(cursor) !== CLOSE_BRACKET) {
      const value = element(cursor);
      if (value !== undefined) values.push(value);
      if (nextByte(cursor) === COMMA) cursor.at++;
    }
    cursor.at++;
    return values;
  };
}

type Fields = Readonly<Record<string, Reader<unknown>>>;
type Read<F extends Fields> = { [K in keyof F]?: F[K] extends Reader<infer T> ? T : never };

interface Field {
  readonly name: string;
  readonly key: Buffer;
  readonly reader: Reader<unknown>;
}

/** An object of these fields; those that are absent or of another type are absent from the result. */
export function object<F extends Fields>(fields: F): Reader<Read<F>> {
  const byLength: Field[][] = [];
  for (const [name, reader] of Object.entries(fields)) {
    const key = Buffer.from(name);
    byLength[key.length] ??= [];
    byLength[key.length]!.push({ name, key, reader });
  }
  return (cursor) => {
    if (nextByte(cursor) !== OPEN_BRACE) {
      skipValue(cursor);
      return undefined;
    }
    const found: Record<string, unknown> = {};
    eachMember(cursor, (start, end) => {
      const field = fieldOf(byLength[end - start], cursor.bytes, start);
      if (field === undefined) {
        skipValue(cursor);
        return;
      }
      const value = field.reader(cursor);
      if (value !== undefined) found[field.name] = value;
    });
    return found as Read<F>;
  };
}

/** An object of texts whose keys are not known beforehand; only the wanted ones are kept, undefined when there are none. */
export function texts(wanted: (key: string) => boolean): Reader<Readonly<Record<string, string>>> {
  return (cursor) => {
    if (nextByte(cursor) !== OPEN_BRACE) {
      skipValue(cursor);
      return undefined;
    }
    let found: Record<string, string> | undefined;
    eachMember(cursor, (start, end) => {
      const key = cursor.bytes.toString('utf8', start, end);
      const value = wanted(key) ? text(cursor) : void skipValue(cursor);
      if (value === undefined) return;
      found ??= {};
      found[key] = value;
    });
    return found;
  };
}

/** Calls back with the place of each key, between its quotes, with the cursor at the value that it must read. */
function eachMember(cursor: Cursor, member: (start: number, end: number) => void): void {
  const { bytes } = cursor;
  cursor.at++;
  while (nextByte(cursor) === QUOTE) {
    const start = cursor.at + 1;
    cursor.at = afterString(bytes, cursor.at);
    const end = cursor.at - 1;
    if (nextByte(cursor) !== COLON) throw notJson(cursor);
    cursor.at++;
    member(start, end);
    if (nextByte(cursor) === COMMA) cursor.at++;
  }
  if (bytes[cursor.at] !== CLOSE_BRACE) throw notJson(cursor);
  cursor.at++;
}

function fieldOf(candidates: readonly Field[] | undefined, bytes: Buffer, start: number): Field | undefined {
  if (candidates === undefined) return undefined;
  for (const field of candidates) {
    const { key } = field;
    let i = 0;
    while (i < key.length && key[i] === bytes[start + i]) i++;
    if (i === key.length) return field;
  }
  return undefined;
}

/** The next byte that is not white space; the cursor stands on it. */
function nextByte(cursor: Cursor): number {
  const { bytes } = cursor;
  let { at } = cursor;
  while (at < bytes.length && bytes[at]! <= LAST_SPACE) at++;
  cursor.at = at;
  if (at >= bytes.length) throw notJson(cursor);
  return bytes[at]!;
}

function readString(cursor: Cursor): string {
  const { bytes, at: open } = cursor;
  let seen = 0;
  let at = open + 1;
  for (; at < bytes.length && bytes[at] !== QUOTE; at++) {
    seen |= bytes[at]!;
    if (bytes[at] === BACKSLASH) {
      cursor.at = afterString(bytes, open);
      return JSON.parse(bytes.toString('utf8', open, cursor.at));
    }
  }
  if (at >= bytes.length) throw notJson(cursor);
  cursor.at = at + 1;
  return seen > LAST_ASCII ? bytes.toString('utf8', open + 1, at) : bytes.toString('latin1', open + 1, at);
}

/** From the opening quote to behind the closing one. */
function afterString(bytes: Buffer, open: number): number {
  for (let at = open + 1; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  throw notJson({ bytes, at: bytes.length });
}

function skipValue(cursor: Cursor): void {
  const first = nextByte(cursor);
  if (first === QUOTE) cursor.at = afterString(cursor.bytes, cursor.at);
  else if (first === OPEN_BRACE || first === OPEN_BRACKET) cursor.at = afterBrackets(cursor.bytes, cursor.at);
  else cursor.at = afterWord(cursor);
}

function afterBrackets(bytes: Buffer, open: number): number {
  let depth = 0;
  for (let at = open; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = afterString(bytes, at) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at + 1;
  }
  throw notJson({ bytes, at: bytes.length });
}

/** A number, true, false or null. */
function afterWord(cursor: Cursor): number {
  const { bytes } = cursor;
  let { at } = cursor;
  while (at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= LAST_SPACE) break;
    at++;
  }
  if (at === cursor.at) throw notJson(cursor);
  return at;
}

const notJson = ({ bytes, at }: Cursor) =>
  new SyntaxError(at >= bytes.length ? `JSON ends too early, after ${bytes.length} bytes` : `not JSON at byte ${at}`);
