/** A snapshot as the text that Prometheus reads, in pieces that are each made in a fraction of a millisecond. */

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
  /** The bytes of a piece, 0 to pieces - 1: the same ones however often it is asked for. */
  piece(number: number): Buffer;
}

/** About 80 kB of text. */
const SERIES_PER_PIECE = 256;

/** Scrapes that run side by side read the same pieces soon after each other; about 2.5 MB. */
const KEPT_PIECES = 32;

export function createExposition(snapshot: Snapshot, options: ExpositionOptions): Exposition {
  const writers = [
    () => targetText(snapshot.targets, options),
    ...snapshot.families.flatMap((family) => familyWriters(family, options)),
    ...(options.format === 'openmetrics' ? [() => '# EOF\n'] : []),
  ];
  const kept = new Map<number, Buffer>();
  return {
    pieces: writers.length,
    piece(number) {
      const known = kept.get(number);
      if (known !== undefined) return known;
      const bytes = Buffer.from(writers[number]!());
      kept.set(number, bytes);
      if (kept.size > KEPT_PIECES) kept.delete(kept.keys().next().value!);
      return bytes;
    },
  };
}

type FamilySnapshot = Snapshot['families'][number];

const TOTAL = '_total';

function familyWriters(family: FamilySnapshot, { format, timestamps }: ExpositionOptions): (() => string)[] {
  const { name, help, labels } = family;
  if (labels.length === 0) return [];
  // OpenMetrics has no counter whose name does not end in _total.
  const isCounter = format === 'text' || name.endsWith(TOTAL);
  const openName = format === 'openmetrics' && isCounter ? name.slice(0, -TOTAL.length) : name;
  const created = format === 'openmetrics' && isCounter ? `${openName}_created` : undefined;
  const writers = [() => heading(openName, help, isCounter ? 'counter' : 'unknown', format)];
  for (let from = 0; from < labels.length; from += SERIES_PER_PIECE) {
    const to = Math.min(from + SERIES_PER_PIECE, labels.length);
    writers.push(() => seriesText(family, from, to, created, timestamps ? format : undefined));
  }
  return writers;
}

function heading(name: string, help: string, type: string, format: Format): string {
  const plain = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  const text = format === 'openmetrics' ? plain.replaceAll('"', '\\"') : plain;
  return `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`;
}

/** The loop that a scrape spends its time in. */
function seriesText(
  { name, labels, values, startMs, endMs }: FamilySnapshot,
  from: number,
  to: number,
  created: string | undefined,
  timestamps: Format | undefined,
): string {
  let text = '';
  for (let at = from; at < to; at++) {
    const braced = labels[at] === '' ? '' : `{${labels[at]}}`;
    const time = timestamps === undefined ? '' : ` ${timeText(endMs[at]!, timestamps)}`;
    text += `${name}${braced} ${values[at]}${time}\n`;
    if (created !== undefined) text += `${created}${braced} ${startMs[at]! / 1000}${time}\n`;
  }
  return text;
}

/** Prometheus has milliseconds, OpenMetrics seconds. */
const timeText = (milliseconds: number, format: Format) => (format === 'text' ? milliseconds : milliseconds / 1000);

function targetText(targets: readonly string[], { format, namespace }: ExpositionOptions): string {
  if (targets.length === 0) return '';
  const name = namespace === '' ? 'target_info' : `${namespace}_target_info`;
  const lines = targets.map((labels) => `${name}{${labels}} 1\n`);
  return heading(name, 'Target metadata', 'gauge', format) + lines.join('');
}
