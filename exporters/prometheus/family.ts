/**
 * The running sums of one metric, a place for each series as Prometheus tells them apart: by its labels.
 * Points find their place by series id without a look at the text.
 */

import type { MetricTable } from '../../core/table/metric-table.ts';
import { type Binding, bindingOf, lengthened, type SharedLabels, textElsewhere } from './bindings.ts';
import type { LabelTexts } from './label-texts.ts';

const INITIAL_CAPACITY = 256;

/** What of the sums came from the cumulative points of one sender, by place: its next points go on from there. */
interface Part {
  last: Float64Array;
  startMs: Float64Array;
  /** Of the series that the two are about. */
  serials: Float64Array;
}

/** Series that are alive, in arrays of one length. Not changed by what comes later. */
export interface SeriesSnapshot {
  /** Numbers of label texts. */
  readonly texts: Uint32Array;
  readonly values: Float64Array;
  /** Milliseconds since the Unix epoch: start of the sum, and end of the last window. */
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
}

export class Family {
  /** As it is scraped. */
  readonly name: string;
  readonly help: string;
  #texts: LabelTexts;
  /** The place of a label text + 1; 0 where it has none. */
  #placeOf = new Uint32Array(INITIAL_CAPACITY);
  readonly #parts = new WeakMap<object, Part>();
  readonly #free: number[] = [];
  /** Places given out so far, free ones too. */
  #places = 0;
  /** By place, as all that follow: the number of its label text. */
  #textOf = new Uint32Array(INITIAL_CAPACITY);
  /** No two series ever have the same, so that a place that has passed on is told from what it was; 0 where it is free. */
  #serials = new Float64Array(INITIAL_CAPACITY);
  #values = new Float64Array(INITIAL_CAPACITY);
  #startMs = new Float64Array(INITIAL_CAPACITY);
  #endMs = new Float64Array(INITIAL_CAPACITY);
  /** When a point came last, by the clock that never steps. */
  #seenMs = new Float64Array(INITIAL_CAPACITY);
  #lastSerial = 0;

  constructor(name: string, help: string, texts: LabelTexts) {
    this.name = name;
    this.help = help;
    this.#texts = texts;
  }

  /** Series that are alive. */
  get size(): number {
    return this.#places - this.#free.length;
  }

  /**
   * Adds the points of a delta table to their sums, and of a cumulative one what came on top since its last point. Where
   * a sum would pass 2^53 it starts anew, as a counter that was reset.
   */
  add(table: MetricTable, shared: SharedLabels, nowMs: number): void {
    const binding = bindingOf(this, table.series.size, shared);
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
    for (let place = 0; place < this.#places; place++) {
      if (this.#serials[place] === 0 || this.#seenMs[place]! >= beforeMs) continue;
      this.#placeOf[this.#textOf[place]!] = 0;
      this.#serials[place] = 0;
      this.#free.push(place);
    }
  }

  /** From now on the texts are those of another list, which gets those that are still in use. */
  moveTo(texts: LabelTexts): void {
    this.#placeOf = new Uint32Array(INITIAL_CAPACITY);
    for (let place = 0; place < this.#places; place++) {
      if (this.#serials[place] === 0) continue;
      const text = texts.adopt(this.#texts, this.#textOf[place]!);
      this.#textOf[place] = text;
      this.#link(text, place);
    }
    this.#texts = texts;
  }

  snapshot(): SeriesSnapshot {
    const size = this.size;
    const texts = new Uint32Array(size);
    const values = new Float64Array(size);
    const startMs = new Float64Array(size);
    const endMs = new Float64Array(size);
    let at = 0;
    for (let place = 0; place < this.#places; place++) {
      if (this.#serials[place] === 0) continue;
      texts[at] = this.#textOf[place]!;
      values[at] = this.#values[place]!;
      startMs[at] = this.#startMs[place]!;
      endMs[at++] = this.#endMs[place]!;
    }
    return { texts, values, startMs, endMs };
  }

  /** The label text of an id that has a place; undefined when it has none. */
  textAt(binding: Binding, id: number): number | undefined {
    const serial = binding.serials[id] ?? 0;
    const place = binding.places[id]!;
    return serial !== 0 && this.#serials[place] === serial ? this.#textOf[place] : undefined;
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
    const text = textElsewhere(id, shared) ?? this.#texts.intern(shared.textOf(id));
    const place = (this.#placeOf[text] ?? 0) === 0 ? this.#append(text, startMs) : this.#placeOf[text]! - 1;
    binding.places[id] = place;
    binding.serials[id] = this.#serials[place]!;
    return place;
  }

  #append(text: number, startMs: number): number {
    const place = this.#free.pop() ?? this.#places++;
    if (place === this.#values.length) this.#grow();
    this.#link(text, place);
    this.#textOf[place] = text;
    this.#serials[place] = ++this.#lastSerial;
    this.#restart(place, 0, startMs);
    return place;
  }

  #link(text: number, place: number): void {
    if (text >= this.#placeOf.length) {
      const placeOf = new Uint32Array(Math.max(text + 1, this.#placeOf.length * 2));
      placeOf.set(this.#placeOf);
      this.#placeOf = placeOf;
    }
    this.#placeOf[text] = place + 1;
  }

  #grow(): void {
    const capacity = this.#values.length * 2;
    const textOf = new Uint32Array(capacity);
    textOf.set(this.#textOf);
    this.#textOf = textOf;
    this.#serials = lengthened(this.#serials, capacity);
    this.#values = lengthened(this.#values, capacity);
    this.#startMs = lengthened(this.#startMs, capacity);
    this.#endMs = lengthened(this.#endMs, capacity);
    this.#seenMs = lengthened(this.#seenMs, capacity);
  }
}
