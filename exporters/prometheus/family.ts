/**
 * The running sums of one metric, a place for each series as Prometheus tells them apart: by the text of its labels.
 * Points find their place by series id without a look at the text.
 */

import type { MetricTable } from '../../core/table/metric-table.ts';
import type { SeriesIndex } from '../../core/table/series-index.ts';
import type { LabelText } from './labels.ts';

const INITIAL_CAPACITY = 256;

/** What all families have of one sender's series index: the texts, and who has a place for which id. */
export interface SharedLabels {
  /** The same object for every index of this sender. */
  readonly sender: object;
  readonly textOf: LabelText;
  readonly bindings: Map<Family, Binding>;
}

/** Where the ids of one sender's series index are in a family. */
interface Binding {
  places: Uint32Array;
  /** The serial number that the place had when it was given to this id; 0 where none was. */
  serials: Float64Array;
}

/** What of the sums came from the cumulative points of one sender, by place: its next points go on from there. */
interface Part {
  last: Float64Array;
  startMs: Float64Array;
  /** Of the series that the two are about. */
  serials: Float64Array;
}

/** Series that are alive, in arrays of one length. Not changed by what comes later. */
export interface SeriesSnapshot {
  readonly labels: readonly string[];
  readonly values: Float64Array;
  /** Milliseconds since the Unix epoch: start of the sum, and end of the last window. */
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
}

export class Family {
  /** As it is scraped. */
  readonly name: string;
  readonly help: string;
  readonly #placeOf = new Map<string, number>();
  readonly #parts = new WeakMap<object, Part>();
  readonly #free: number[] = [];
  /** By place; undefined where it is free. */
  #labels: (string | undefined)[] = [];
  /** No two series ever have the same, so that a place that has passed on is told from what it was. */
  #serials = new Float64Array(INITIAL_CAPACITY);
  #values = new Float64Array(INITIAL_CAPACITY);
  #startMs = new Float64Array(INITIAL_CAPACITY);
  #endMs = new Float64Array(INITIAL_CAPACITY);
  /** When a point came last, by the clock that never steps. */
  #seenMs = new Float64Array(INITIAL_CAPACITY);
  #lastSerial = 0;

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  /** Series that are alive. */
  get size(): number {
    return this.#placeOf.size;
  }

  /**
   * Adds the points of a delta table to their sums, and of a cumulative one what came on top since its last point. Where
   * a sum would pass 2^53 it starts anew, as a counter that was reset.
   */
  add(table: MetricTable, shared: SharedLabels, nowMs: number): void {
    const binding = this.#bindingOf(table.series, shared);
    const startsMs = table.starts.map((ns) => Number(ns / 1_000_000n));
    const endMs = Number(table.endNs / 1_000_000n);
    const part = table.temporality === 'cumulative' ? this.#partOf(shared.sender) : undefined;
    for (let point = 0; point < table.ids.length; point++) {
      const id = table.ids[point]!;
      const value = table.values[point]!;
      const startMs = startsMs[table.startCodes?.[point] ?? 0]!;
      const place = this.#place(id, binding, shared, startMs);
      if (part === undefined) this.#raise(place, value, value, startMs);
      else this.#continue(place, part, value, startMs);
      this.#endMs[place] = endMs;
      this.#seenMs[place] = nowMs;
    }
  }

  /** Forgets what had no point since then; what comes back later begins at its own value. */
  expire(beforeMs: number): void {
    for (let place = 0; place < this.#labels.length; place++) {
      const labels = this.#labels[place];
      if (labels === undefined || this.#seenMs[place]! >= beforeMs) continue;
      this.#placeOf.delete(labels);
      this.#labels[place] = undefined;
      this.#serials[place] = 0;
      this.#free.push(place);
    }
  }

  snapshot(): SeriesSnapshot {
    const size = this.#placeOf.size;
    const labels = new Array<string>(size);
    const values = new Float64Array(size);
    const startMs = new Float64Array(size);
    const endMs = new Float64Array(size);
    let at = 0;
    for (let place = 0; place < this.#labels.length; place++) {
      const text = this.#labels[place];
      if (text === undefined) continue;
      labels[at] = text;
      values[at] = this.#values[place]!;
      startMs[at] = this.#startMs[place]!;
      endMs[at++] = this.#endMs[place]!;
    }
    return { labels, values, startMs, endMs };
  }

  /** The labels of an id that has a place; undefined when it has none. */
  labelsOf(binding: Binding, id: number): string | undefined {
    const serial = binding.serials[id];
    if (serial === undefined || serial === 0) return undefined;
    const place = binding.places[id]!;
    return this.#serials[place] === serial ? this.#labels[place] : undefined;
  }

  /** `afresh` is the value that a sum begins with which has no room for the amount. */
  #raise(place: number, amount: number, afresh: number, startMs: number): void {
    const sum = this.#values[place]! + amount;
    if (sum <= Number.MAX_SAFE_INTEGER) this.#values[place] = sum;
    else this.#restart(place, afresh, startMs);
  }

  #restart(place: number, value: number, startMs: number): void {
    this.#values[place] = value;
    this.#startMs[place] = startMs;
  }

  /** A series that began anew shows it, unless another sender has a part in the sum: then it only grows, as all do. */
  #continue(place: number, part: Part, value: number, startMs: number): void {
    if (part.last.length < this.#values.length) {
      part.last = lengthened(part.last, this.#values.length);
      part.startMs = lengthened(part.startMs, this.#values.length);
      part.serials = lengthened(part.serials, this.#values.length);
    }
    const known = part.serials[place] === this.#serials[place];
    const last = known ? part.last[place]! : 0;
    const began = known && (part.startMs[place] !== startMs || value < last);
    if (began && this.#values[place] === last) this.#restart(place, value, startMs);
    else this.#raise(place, began ? value : value - last, value, startMs);
    part.last[place] = value;
    part.startMs[place] = startMs;
    part.serials[place] = this.#serials[place]!;
  }

  #partOf(sender: object): Part {
    const known = this.#parts.get(sender);
    if (known !== undefined) return known;
    const part = { last: new Float64Array(0), startMs: new Float64Array(0), serials: new Float64Array(0) };
    this.#parts.set(sender, part);
    return part;
  }

  #place(id: number, binding: Binding, shared: SharedLabels, startMs: number): number {
    const known = binding.places[id]!;
    const serial = binding.serials[id]!;
    if (serial !== 0 && this.#serials[known] === serial) return known;
    const labels = labelsElsewhere(id, shared) ?? shared.textOf(id);
    const place = this.#placeOf.get(labels) ?? this.#append(labels, startMs);
    binding.places[id] = place;
    binding.serials[id] = this.#serials[place]!;
    return place;
  }

  #append(labels: string, startMs: number): number {
    const place = this.#free.pop() ?? this.#labels.length;
    if (place === this.#values.length) this.#grow();
    this.#placeOf.set(labels, place);
    this.#labels[place] = labels;
    this.#serials[place] = ++this.#lastSerial;
    this.#restart(place, 0, startMs);
    return place;
  }

  #grow(): void {
    const capacity = this.#values.length * 2;
    this.#serials = lengthened(this.#serials, capacity);
    this.#values = lengthened(this.#values, capacity);
    this.#startMs = lengthened(this.#startMs, capacity);
    this.#endMs = lengthened(this.#endMs, capacity);
    this.#seenMs = lengthened(this.#seenMs, capacity);
  }

  #bindingOf({ size }: SeriesIndex, { bindings }: SharedLabels): Binding {
    let binding = bindings.get(this);
    if (binding === undefined) {
      binding = { places: new Uint32Array(0), serials: new Float64Array(0) };
      bindings.set(this, binding);
    }
    if (binding.places.length < size) {
      const places = new Uint32Array(Math.max(size, binding.places.length * 2));
      places.set(binding.places);
      binding.places = places;
      binding.serials = lengthened(binding.serials, places.length);
    }
    return binding;
  }
}

function lengthened(old: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const array = new Float64Array(length);
  array.set(old);
  return array;
}

/** Metrics that share an index share its texts: bytes and packets of a flow have the same labels. */
function labelsElsewhere(id: number, { bindings }: SharedLabels): string | undefined {
  for (const [family, binding] of bindings) {
    const labels = family.labelsOf(binding, id);
    if (labels !== undefined) return labels;
  }
  return undefined;
}
