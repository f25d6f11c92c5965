/**
 * The running sums of one metric: kept in arrays by series id, so a known series costs no hashing; when a series index is
 * replaced, sums follow their series by its attributes. When places run out, the largest series keep them.
 */

import type { MetricDescriptor, MetricTable } from './metric-table.ts';
import { OverflowSeries } from './overflow-series.ts';
import { type PlaceHolder, type Places, withMostPlaces } from './places.ts';
import type { Scope } from './resource.ts';
import type { SeriesIndex } from './series-index.ts';
import { stillExists } from './series-life.ts';
import { type SeriesLookup, seriesLookup } from './series-lookup.ts';
import { type RankedSeries, SmallestSeries } from './smallest-series.ts';
import { StartTimes } from './start-times.ts';
import { StreamSums } from './stream-sums.ts';

/** Sums of an index that was replaced: each waits until its series has a point in the current one. */
interface Earlier {
  readonly sums: StreamSums;
  /** The id there of an id of the current index. */
  readonly idOf: SeriesLookup;
}

/**
 * A series without a place gets that of the smallest when it has sent so many times as much. Two series of about the
 * same size would else take it from each other again and again, each time with a new start.
 */
export const DISPLACING_RATIO = 1.25;

const MILLISECOND_NS = 1_000_000n;

export const millisecondsOf = (timeNs: bigint) => Number(timeNs / MILLISECOND_NS);

/** The streams of one metric of one sender. */
export class StreamSet implements PlaceHolder {
  readonly metric: MetricDescriptor;
  readonly scope: Scope;
  readonly #places: Places;
  #current: StreamSums;
  /** The last one first. */
  #earlier: readonly Earlier[] = [];
  readonly #starts = new StartTimes();
  readonly #overflow = new OverflowSeries();
  /** Made when a series first asks for a place that is not there. */
  #smallest: SmallestSeries | undefined;
  #lastEndNs = 0n;

  constructor({ metric, scope, series }: MetricTable, places: Places) {
    this.metric = metric;
    this.scope = scope;
    this.#current = new StreamSums(series);
    this.#places = places;
  }

  add(given: MetricTable): MetricTable[] {
    const table = { ...given, endNs: this.#timeOf(given) };
    if (table.series !== this.#current.index) this.#follow(table.series);
    const arrivals = this.#addUp(table);
    if (arrivals.length > 0) this.#admit(table, arrivals);
    const sums = this.#current;
    const ids = new Uint32Array(table.ids.length);
    const values = new Float64Array(ids.length);
    const startCodes = new Uint32Array(ids.length);
    let kept = 0;
    for (let point = 0; point < ids.length; point++) {
      const id = table.ids[point]!;
      if (!sums.has(id)) {
        this.#overflow.add(table.values[point]!, startOf(table, point), table.endNs);
        this.#places.refused++;
        continue;
      }
      ids[kept] = id;
      values[kept] = sums.values[id]!;
      startCodes[kept++] = sums.startCode(id);
    }
    // Copies, not views: a table that waits in a queue must not hold the places of what went to the overflow series.
    const cut = <Points extends Uint32Array | Float64Array>(points: Points) =>
      (kept === points.length ? points : points.slice(0, kept)) as Points;
    return this.#tables(table, cut(ids), cut(values), cut(startCodes));
  }

  /** Forgets what had no point for too long, unless its ends are known to exist. */
  expire(nowMs: number, maxStaleMs: number): void {
    const beforeMs = nowMs - maxStaleMs;
    let expired = 0;
    for (const sums of this.#all) {
      expired += sums.expire(beforeMs, nowMs, (id) => stillExists(sums.index, id));
    }
    this.#earlier = this.#earlier.filter(({ sums }) => sums.live > 0);
    if (expired > 0) {
      this.#starts.compact((codeOf) => {
        for (const sums of this.#all) sums.recode(codeOf);
      });
      this.#smallest = undefined;
    }
    this.#places.taken -= expired;
    this.#overflow.expire(BigInt(Math.floor(beforeMs)) * MILLISECOND_NS);
  }

  get empty(): boolean {
    return this.live === 0 && !this.#overflow.live;
  }

  /** How many series have a place. */
  get live(): number {
    let live = this.#current.live;
    for (const { sums } of this.#earlier) live += sums.live;
    return live;
  }

  /** Of the current index first, then of those that it replaced. */
  get #all(): readonly StreamSums[] {
    return [this.#current, ...this.#earlier.map(({ sums }) => sums)];
  }

  /** Lets another metric have the place of the smallest series. */
  giveUpSmallest(): void {
    const smallest = this.#smallerThan(Infinity);
    if (smallest) this.#end(smallest);
  }

  /**
   * The time that its points get: the end of the window, or just after the last one where a window comes late, with
   * rows that were held back. So the times of a series grow with its sum; its start stays as it was sent.
   */
  #timeOf({ endNs }: MetricTable): bigint {
    const next = this.#lastEndNs + MILLISECOND_NS;
    this.#lastEndNs = endNs > this.#lastEndNs ? endNs : next;
    return this.#lastEndNs;
  }

  /** Adds every point to what its series has; gives the points of series that have no sum. */
  #addUp(table: MetricTable): number[] {
    const sums = this.#current;
    sums.reserve(table.series.size);
    const nowMs = millisecondsOf(table.endNs);
    const arrivals: number[] = [];
    for (let point = 0; point < table.ids.length; point++) {
      const id = table.ids[point]!;
      const value = table.values[point]!;
      if (sums.unseen(id)) this.#takeOver(id);
      const sum = sums.values[id]! + value;
      if (!sums.has(id)) {
        arrivals.push(point);
        sums.values[id] = sum;
      } else if (sum > Number.MAX_SAFE_INTEGER) {
        sums.begin(id, this.#starts.code(startOf(table, point)), value);
        this.#smallest = undefined;
      } else sums.values[id] = sum;
      sums.lastMs[id] = nowMs;
    }
    return arrivals;
  }

  /**
   * Gives places to those that have none, the largest first: free ones, then those of the smallest series. After
   * Space-Saving (Metwally, Agrawal and El Abbadi, 2005), with two differences. The index knows every series, so what
   * one has sent is counted, not estimated. And one that is not larger goes to the overflow series instead of taking
   * the smallest one's place at once: each place that changes hands is one more series at the backend.
   */
  #admit(table: MetricTable, arrivals: number[]): void {
    const sums = this.#current;
    const places = this.#places;
    const weight = (point: number) => sums.weight(table.ids[point]!);
    const free = places.limit - places.taken;
    // Most are far too small: those need no order.
    const mayAll = free > 0 || this.#lacksItsShare;
    const candidates = mayAll ? arrivals : arrivals.filter((point) => this.#smallerThan(weight(point)));
    if (candidates.length > free) candidates.sort((a, b) => weight(b) - weight(a));
    for (const point of candidates) {
      if (places.taken >= places.limit && !this.#makePlace(weight(point))) return;
      places.taken++;
      const id = table.ids[point]!;
      const value = table.values[point]!;
      sums.begin(id, this.#starts.code(startOf(table, point)), value, weight(point) - value);
      this.#smallest?.add(sums, id);
    }
  }

  /** The one that a series of this weight may displace. */
  #smallerThan(weight: number): RankedSeries | undefined {
    this.#smallest ??= new SmallestSeries(this.#all);
    const smallest = this.#smallest.least();
    return smallest !== undefined && weight > DISPLACING_RATIO * smallest.weight ? smallest : undefined;
  }

  /** Units differ between metrics, so their series cannot be compared: each may have as many places as the next. */
  get #lacksItsShare(): boolean {
    return this.live < Math.floor(this.#places.limit / this.#places.holders.size);
  }

  #makePlace(weight: number): boolean {
    if (this.#lacksItsShare) {
      withMostPlaces(this.#places)?.giveUpSmallest();
      return true;
    }
    const smallest = this.#smallerThan(weight);
    if (smallest) this.#end(smallest);
    return smallest !== undefined;
  }

  #end({ sums, id, weight }: RankedSeries): void {
    sums.end(id, weight);
    this.#places.taken--;
    this.#places.displaced++;
  }

  #tables(table: MetricTable, ids: Uint32Array, values: Float64Array, startCodes: Uint32Array): MetricTable[] {
    const tables: MetricTable[] = [];
    if (ids.length > 0) {
      tables.push({ ...table, temporality: 'cumulative', ids, values, starts: this.#starts.list(), startCodes });
    }
    if (ids.length < table.ids.length) tables.push(...this.#overflow.tableBeside(table));
    return tables;
  }

  /** Moves what an earlier index has of a series to the current one, or notes that there is nothing. */
  #takeOver(id: number): void {
    const current = this.#current;
    for (const { sums, idOf } of this.#earlier) {
      const before = idOf(id);
      if (before === undefined || sums.unseen(before)) continue;
      const weight = sums.weight(before);
      if (!sums.has(before)) {
        current.end(id, weight);
        return;
      }
      const value = sums.values[before]!;
      current.begin(id, sums.startCode(before), value, weight - value);
      sums.end(before);
      this.#smallest?.add(current, id);
      return;
    }
    current.end(id);
  }

  /** Takes up another index. */
  #follow(index: SeriesIndex): void {
    this.#smallest = undefined;
    const left = this.#all.filter(({ live }) => live > 0);
    this.#current = new StreamSums(index);
    this.#earlier = left.map((sums) => ({ sums, idOf: seriesLookup(index, sums.index) }));
  }
}

const startOf = ({ starts, startCodes }: MetricTable, point: number) => starts[startCodes?.[point] ?? 0]!;
