/**
 * The running sums of one metric: kept in arrays by series id, so a known series costs no hashing; when a series index is
 * replaced, sums follow their series by its attributes.
 */

import { listDictionary } from './dictionary.ts';
import type { MetricDescriptor, MetricTable } from './metric-table.ts';
import type { Scope } from './resource.ts';
import { SeriesIndex } from './series-index.ts';
import { type SeriesLookup, seriesLookup } from './series-lookup.ts';
import { StreamSums } from './stream-sums.ts';

/** What all stream sets share. */
export interface Places {
  readonly limit: number;
  taken: number;
  /** Points that found none. */
  refused: number;
}

/** Sums of an index that was replaced: each waits until its series has a point in the current one. */
interface Earlier {
  readonly sums: StreamSums;
  /** The id there of an id of the current index. */
  readonly idOf: SeriesLookup;
}

interface Overflow {
  sum: number;
  readonly startNs: bigint;
  lastMs: number;
}

/** OpenTelemetry's name for the series that takes what goes past a cardinality limit. */
const overflowSeries = new SeriesIndex([{ name: 'otel.metric.overflow', dictionary: listDictionary([true]) }]);
const overflowIds = Uint32Array.of(overflowSeries.intern([0]));

export const millisecondsOf = (timeNs: bigint) => Number(timeNs / 1_000_000n);

/** The streams of one metric of one sender. */
export class StreamSet {
  readonly metric: MetricDescriptor;
  readonly scope: Scope;
  readonly #places: Places;
  #current: StreamSums;
  /** The last one first. */
  #earlier: readonly Earlier[] = [];
  /** What start codes stand for. */
  #starts: bigint[] = [];
  readonly #codeOfStart = new Map<bigint, number>();
  #overflow: Overflow | undefined;

  constructor({ metric, scope, series }: MetricTable, places: Places) {
    this.metric = metric;
    this.scope = scope;
    this.#current = new StreamSums(series);
    this.#places = places;
  }

  add(table: MetricTable): MetricTable[] {
    if (table.series !== this.#current.index) this.#follow(table.series);
    const sums = this.#current;
    sums.reserve(table.series.size);
    const nowMs = millisecondsOf(table.endNs);
    const ids = new Uint32Array(table.ids.length);
    const values = new Float64Array(ids.length);
    const startCodes = new Uint32Array(ids.length);
    let kept = 0;
    for (let point = 0; point < ids.length; point++) {
      const id = table.ids[point]!;
      const value = table.values[point]!;
      const startNs = table.starts[table.startCodes?.[point] ?? 0]!;
      if (!sums.has(id) && !this.#track(id, startNs)) {
        this.#addOverflow(value, startNs, nowMs);
        continue;
      }
      const sum = sums.values[id]! + value;
      if (sum > Number.MAX_SAFE_INTEGER) sums.begin(id, this.#startCode(startNs), value);
      else sums.values[id] = sum;
      sums.lastMs[id] = nowMs;
      ids[kept] = id;
      values[kept] = sums.values[id]!;
      startCodes[kept++] = sums.startCode(id);
    }
    // Copies, not views: a table that waits in a queue must not hold the places of what went to the overflow series.
    const cut = <Points extends Uint32Array | Float64Array>(points: Points) =>
      (kept === points.length ? points : points.slice(0, kept)) as Points;
    return this.#tables(table, cut(ids), cut(values), cut(startCodes));
  }

  /** Forgets what had no point for too long. */
  expire(nowMs: number, maxStaleMs: number): void {
    const beforeMs = nowMs - maxStaleMs;
    let expired = this.#current.expire(beforeMs);
    for (const { sums } of this.#earlier) expired += sums.expire(beforeMs);
    this.#earlier = this.#earlier.filter(({ sums }) => sums.live > 0);
    if (expired > 0) this.#compactStarts();
    this.#places.taken -= expired;
    if (this.#overflow && this.#overflow.lastMs < beforeMs) this.#overflow = undefined;
  }

  get empty(): boolean {
    return this.#current.live === 0 && this.#earlier.length === 0 && this.#overflow === undefined;
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
    const current = this.#current;
    if (current.unseen(id)) {
      for (const { sums, idOf } of this.#earlier) {
        const before = idOf(id);
        if (before === undefined || !sums.has(before)) continue;
        current.begin(id, sums.startCode(before), sums.values[before]!);
        sums.end(before);
        return true;
      }
    }
    if (this.#places.taken >= this.#places.limit) {
      current.end(id);
      return false;
    }
    this.#places.taken++;
    current.begin(id, this.#startCode(startNs), 0);
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
    const codes = new Map<number, number>();
    const codeOf = (code: number): number => {
      let recoded = codes.get(code);
      if (recoded === undefined) {
        recoded = this.#startCode(old[code]!);
        codes.set(code, recoded);
      }
      return recoded;
    };
    this.#current.recode(codeOf);
    for (const { sums } of this.#earlier) sums.recode(codeOf);
  }

  /** Takes up another index. */
  #follow(index: SeriesIndex): void {
    const left = [this.#current, ...this.#earlier.map(({ sums }) => sums)].filter(({ live }) => live > 0);
    this.#current = new StreamSums(index);
    this.#earlier = left.map((sums) => ({ sums, idOf: seriesLookup(index, sums.index) }));
  }
}
