/** A snapshot as the text that Prometheus reads, in pieces that are each made in a fraction of a millisecond. */

import type { TextPlaces } from './label-texts.ts';
import type { Snapshot } from './series-store.ts';

/** `text` is the format 0.0.4 of Prometheus. */
export type Format = 'text' | 'openmetrics';

export interface ExpositionOptions {
  readonly format: Format;
  /** Write the end of the last window behind each value. */
  readonly timestamps: boolean;
  /** Goes before `target_info`; empty: nothing does. */
  readonly namespace: string;
}

export interface Exposition {
  readonly pieces: number;
  /**
   * The bytes of a piece, 0 to pieces - 1, written into a buffer that the caller uses again and again: a new one for each
   * piece keeps the garbage collector busy for longer than all the writing takes. One that is too small is left alone.
   */
  piece(number: number, into: Buffer): Buffer;
}

/** Some 140 kB of text. */
const SERIES_PER_PIECE = 256;
/** A buffer that holds nearly every piece. */
export const PIECE_BYTES = 256 * 1024;
/** Digits of 2^53, and one more. */
const MAX_VALUE_BYTES = 17;
/** A space, and a time of which milliseconds are the smallest part. */
const MAX_TIME_BYTES = 24;

export function createExposition(snapshot: Snapshot, options: ExpositionOptions): Exposition {
  const writers: readonly Writer[] = [
    () => Buffer.from(targetText(snapshot.targets, options)),
    ...snapshot.families.flatMap((family) => familyWriters(family, snapshot.texts, options)),
    ...(options.format === 'openmetrics' ? [() => Buffer.from('# EOF\n')] : []),
  ];
  return { pieces: writers.length, piece: (number, into) => writers[number]!(into) };
}

type FamilySnapshot = Snapshot['families'][number];

const TOTAL = '_total';

type Writer = (into: Buffer) => Buffer;

function familyWriters(family: FamilySnapshot, texts: TextPlaces, options: ExpositionOptions): readonly Writer[] {
  const { name, help, values } = family;
  const { format, timestamps } = options;
  if (values.length === 0) return [];
  // OpenMetrics has no counter whose name does not end in _total.
  const isCounter = format === 'text' || name.endsWith(TOTAL);
  const openName = format === 'openmetrics' && isCounter ? name.slice(0, -TOTAL.length) : name;
  const lines = {
    name: Buffer.from(name),
    created: format === 'openmetrics' && isCounter ? Buffer.from(`${openName}_created`) : undefined,
    timestamps: timestamps ? format : undefined,
  };
  const writers: Writer[] = [() => Buffer.from(heading(openName, help, isCounter ? 'counter' : 'unknown', format))];
  for (let from = 0; from < values.length; from += SERIES_PER_PIECE) {
    const to = Math.min(from + SERIES_PER_PIECE, values.length);
    writers.push((into) => seriesLines(family, texts, lines, { from, to, into }));
  }
  return writers;
}

function heading(name: string, help: string, type: string, format: Format): string {
  const plain = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  const text = format === 'openmetrics' ? plain.replaceAll('"', '\\"') : plain;
  return `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`;
}

interface LineParts {
  readonly name: Uint8Array;
  /** Absent: no line for the time of creation. */
  readonly created: Uint8Array | undefined;
  /** In whose unit; absent: no times. */
  readonly timestamps: Format | undefined;
}

/** Where a scrape spends its time: name and labels are copied, and only the value is made into text. */
function seriesLines(
  { texts, values, startMs, endMs }: FamilySnapshot,
  { segments, segmentOf, startOf, lengthOf }: TextPlaces,
  { name, created, timestamps }: LineParts,
  { from, to, into }: { readonly from: number; readonly to: number; readonly into: Buffer },
): Buffer {
  const aside = name.length + MAX_VALUE_BYTES + (timestamps === undefined ? 0 : MAX_TIME_BYTES);
  const asideCreated = created === undefined ? 0 : created.length + 2 * MAX_TIME_BYTES;
  let most = (aside + asideCreated) * (to - from);
  for (let series = from; series < to; series++) most += lengthOf[texts[series]!]! * (created === undefined ? 1 : 2);

  const bytes = into.length < most ? Buffer.allocUnsafe(most) : into;
  let at = 0;
  for (let series = from; series < to; series++) {
    const text = texts[series]!;
    const labels = segments[segmentOf[text]!]!;
    const [start, end] = [startOf[text]!, startOf[text]! + lengthOf[text]!];
    const time = timestamps === undefined ? '' : ` ${timeText(endMs[series]!, timestamps)}`;
    at = writeBytes(bytes, at, name);
    at += labels.copy(bytes, at, start, end);
    at = writeInteger(bytes, at, values[series]!);
    if (time !== '') at += bytes.write(time, at, 'latin1');
    bytes[at++] = LINE_FEED;
    if (created === undefined) continue;
    at = writeBytes(bytes, at, created);
    at += labels.copy(bytes, at, start, end);
    at += bytes.write(`${startMs[series]! / 1000}${time}\n`, at, 'latin1');
  }
  return bytes.subarray(0, at);
}

const LINE_FEED = 0x0a;
const ZERO = 0x30;

/** Faster than a call of the runtime for as few bytes as a name has. */
function writeBytes(bytes: Buffer, offset: number, from: Uint8Array): number {
  for (let i = 0; i < from.length; i++) bytes[offset + i] = from[i]!;
  return offset + from.length;
}

const BILLION = 1_000_000_000;

/** An integer of 0 to 2^53, in parts that fit 32 bits. */
function writeInteger(bytes: Buffer, offset: number, value: number): number {
  if (value < BILLION) return writeDigits(bytes, offset, value, digitsOf(value));
  const high = Math.floor(value / BILLION);
  const at = writeDigits(bytes, offset, high, digitsOf(high));
  return writeDigits(bytes, at, value - high * BILLION, 9);
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits++;
  return digits;
}

function writeDigits(bytes: Buffer, offset: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let at = offset + digits - 1; at >= offset; at--) {
    const tenth = (rest / 10) | 0;
    bytes[at] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return offset + digits;
}

/** Prometheus has milliseconds, OpenMetrics seconds. */
const timeText = (milliseconds: number, format: Format) => (format === 'text' ? milliseconds : milliseconds / 1000);

function targetText(targets: readonly string[], { format, namespace }: ExpositionOptions): string {
  if (targets.length === 0) return '';
  const name = namespace === '' ? 'target_info' : `${namespace}_target_info`;
  const lines = targets.map((labels) => `${name}{${labels}} 1\n`);
  return heading(name, 'Target metadata', 'gauge', format) + lines.join('');
}
