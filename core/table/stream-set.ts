/**
 * The running sums of one metric: kept in arrays by series id, so a known series costs no hashing; when a series index is
 * replaced, sums follow their series by its attributes.
 */

import { listDictionary } from './dictionary.ts';
import type { MetricDescriptor, MetricTable } from './metric-table.ts';
import type { Scope } from './resource.ts';
import { SeriesIndex } from './series-index.ts';

/** What all stream sets share. */
export interface Places {
  readonly limit: number;
  taken: number;
  /** Points that found none. */
  refused: number;
}

/** One running sum, apart from the arrays. */
interface Stream {
  sum: number;
  startNs: bigint;
  lastMs: number;
}

/** In place of a start code: the id has no sum, and its attributes were not yet looked up among the moved. */
const UNSEEN = 0xffffffff;
/** In place of a start code: the id has no sum, and there is none to be found elsewhere. */
const UNTRACKED = 0xfffffffe;

/** OpenTelemetry's name for the series that takes what goes past a cardinality limit. */
const overflowSeries = new SeriesIndex([{ name: 'otel.metric.overflow', dictionary: listDictionary([true]) }]);
const overflowIds = Uint32Array.of(overflowSeries.intern([0]));

export const millisecondsOf = (timeNs: bigint) => Number(timeNs / 1_000_000n);

/** The streams of one metric of one sender. */
export class StreamSet {
  readonly metric: MetricDescriptor;
  readonly scope: Scope;
  readonly #places: Places;
  #index: SeriesIndex;
  #sums = new Float64Array(0);
  #startCodes = new Uint32Array(0);
  #lastMs = new Float64Array(0);
  /** What start codes stand for. */
  #starts: bigint[] = [];
  readonly #codeOfStart = new Map<bigint, number>();
  /** By key: streams of an index that was replaced, until their series comes again. */
  readonly #moved = new Map<string, Stream>();
  #overflow: Stream | undefined;

  constructor({ metric, scope, series }: MetricTable, places: Places) {
    this.metric = metric;
    this.scope = scope;
    this.#index = series;
    this.#places = places;
  }

  add(table: MetricTable): MetricTable[] {
    if (table.series !== this.#index) this.#follow(table.series);
    this.#reserve(table.series.size);
    const nowMs = millisecondsOf(table.endNs);
    const sums = this.#sums;
    const codes = this.#startCodes;
    const ids = new Uint32Array(table.ids.length);
    const values = new Float64Array(ids.length);
    const startCodes = new Uint32Array(ids.length);
    let kept = 0;
    for (let point = 0; point < ids.length; point++) {
      const id = table.ids[point]!;
      const value = table.values[point]!;
      const startNs = table.starts[table.startCodes?.[point] ?? 0]!;
      if (codes[id]! >= UNTRACKED && !this.#track(id, startNs)) {
        this.#addOverflow(value, startNs, nowMs);
        continue;
      }
      let sum = sums[id]! + value;
      if (sum > Number.MAX_SAFE_INTEGER) {
        codes[id] = this.#startCode(startNs);
        sum = value;
      }
      sums[id] = sum;
      this.#lastMs[id] = nowMs;
      ids[kept] = id;
      values[kept] = sum;
      startCodes[kept++] = codes[id]!;
    }
    return this.#tables(table, ids.subarray(0, kept), values.subarray(0, kept), startCodes.subarray(0, kept));
  }

  /** Forgets what had no point for too long. */
  expire(nowMs: number, maxStaleMs: number): void {
    const expired = (lastMs: number) => nowMs - lastMs > maxStaleMs;
    let taken = 0;
    for (let id = 0; id < this.#startCodes.length; id++) {
      if (this.#startCodes[id]! >= UNTRACKED || !expired(this.#lastMs[id]!)) continue;
      this.#startCodes[id] = UNTRACKED;
      this.#sums[id] = 0;
      taken++;
    }
    if (taken > 0) this.#compactStarts();
    for (const [key, { lastMs }] of this.#moved) {
      if (!expired(lastMs)) continue;
      this.#moved.delete(key);
      taken++;
    }
    this.#places.taken -= taken;
    if (this.#overflow && expired(this.#overflow.lastMs)) this.#overflow = undefined;
  }

  get empty(): boolean {
    return this.#starts.length === 0 && this.#moved.size === 0 && this.#overflow === undefined;
  }

  #tables(table: MetricTable, ids: Uint32Array, values: Float64Array, startCodes: Uint32Array): MetricTable[] {
    const tables: MetricTable[] = [];
    if (ids.length > 0) {
      tables.push({ ...table, temporality: 'cumulative', ids, values, starts: this.#starts.slice(), startCodes });
    }
    if (ids.length < table.ids.length && this.#overflow) {
      const { startCodes: _, ...rest } = table;
      const { sum, startNs } = this.#overflow;
      const one = { series: overflowSeries, ids: overflowIds, values: Float64Array.of(sum), starts: [startNs] };
      tables.push({ ...rest, ...one, temporality: 'cumulative' });
    }
    return tables;
  }

  /** Finds the sum of an id that has none yet, or gives it a place; false when there is none left. */
  #track(id: number, startNs: bigint): boolean {
    if (this.#startCodes[id] === UNSEEN && this.#moved.size > 0) {
      const key = this.#index.key(id);
      const moved = this.#moved.get(key);
      if (moved) {
        this.#moved.delete(key);
        this.#sums[id] = moved.sum;
        this.#startCodes[id] = this.#startCode(moved.startNs);
        return true;
      }
    }
    if (this.#places.taken >= this.#places.limit) {
      this.#startCodes[id] = UNTRACKED;
      return false;
    }
    this.#places.taken++;
    this.#startCodes[id] = this.#startCode(startNs);
    return true;
  }

  #addOverflow(value: number, startNs: bigint, lastMs: number): void {
    const before = this.#overflow;
    if (before === undefined || before.sum + value > Number.MAX_SAFE_INTEGER) {
      this.#overflow = { sum: value, startNs, lastMs };
    } else {
      before.sum += value;
      before.lastMs = lastMs;
    }
    this.#places.refused++;
  }

  #startCode(startNs: bigint): number {
    let code = this.#codeOfStart.get(startNs);
    if (code === undefined) {
      code = this.#starts.push(startNs) - 1;
      this.#codeOfStart.set(startNs, code);
    }
    return code;
  }

  /** Drops the start times that no stream has any more. */
  #compactStarts(): void {
    const old = this.#starts;
    this.#starts = [];
    this.#codeOfStart.clear();
    for (let id = 0; id < this.#startCodes.length; id++) {
      const code = this.#startCodes[id]!;
      if (code < UNTRACKED) this.#startCodes[id] = this.#startCode(old[code]!);
    }
  }

  /** Takes up another index: every sum waits under its key until its series has a point there. */
  #follow(index: SeriesIndex): void {
    for (let id = 0; id < this.#startCodes.length; id++) {
      const code = this.#startCodes[id]!;
      if (code >= UNTRACKED) continue;
      const stream = { sum: this.#sums[id]!, startNs: this.#starts[code]!, lastMs: this.#lastMs[id]! };
      this.#moved.set(this.#index.key(id), stream);
    }
    this.#index = index;
    this.#sums = new Float64Array(0);
    this.#startCodes = new Uint32Array(0);
    this.#lastMs = new Float64Array(0);
    this.#compactStarts();
  }

  #reserve(size: number): void {
    const old = this.#startCodes.length;
    if (size <= old) return;
    const capacity = Math.max(size, old * 2);
    const sums = new Float64Array(capacity);
    const lastMs = new Float64Array(capacity);
    const startCodes = new Uint32Array(capacity).fill(UNSEEN, old);
    sums.set(this.#sums);
    lastMs.set(this.#lastMs);
    startCodes.set(this.#startCodes);
    this.#sums = sums;
    this.#lastMs = lastMs;
    this.#startCodes = startCodes;
  }
}
