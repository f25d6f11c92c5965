/** Running sums of delta points, of every metric and sender: who has a place, and who has been away for too long. */

import type { MetricTable } from './metric-table.ts';
import type { Places } from './places.ts';
import type { Resource } from './resource.ts';
import { millisecondsOf, StreamSet } from './stream-set.ts';

export interface AccumulatorLimits {
  /**
   * A series without a point for longer than this is forgotten, unless what it is about is known to exist (series-life.ts);
   * it starts anew when it comes back.
   */
  readonly maxStaleMs: number;
  /** Over all metrics. What finds no place is summed in one overflow series a metric; larger series displace smaller. */
  readonly maxStreams: number;
}

export class Accumulator {
  readonly #limits: AccumulatorLimits;
  readonly #places: Places;
  readonly #sets = new Map<Resource, StreamSet[]>();
  #nowMs = 0;

  constructor(limits: AccumulatorLimits) {
    this.#limits = limits;
    this.#places = { limit: limits.maxStreams, taken: 0, refused: 0, displaced: 0, holders: new Set() };
  }

  /** Series that have a sum now; overflow series are not counted. */
  get tracked(): number {
    return this.#places.taken;
  }

  /** Points so far that found no place and went to an overflow series. */
  get overflowed(): number {
    return this.#places.refused;
  }

  /** Series so far that lost their place, to a larger one of their metric or to one of a metric that had few. */
  get displaced(): number {
    return this.#places.displaced;
  }

  /**
   * Turns the delta tables of one window into cumulative ones with the same points; cumulative tables pass as they are.
   * The end of the window is the clock by which series expire. A sum that would pass 2^53 starts anew, as a counter
   * that was reset.
   */
  accumulate(tables: readonly MetricTable[]): readonly MetricTable[] {
    for (const { endNs } of tables) this.#nowMs = Math.max(this.#nowMs, millisecondsOf(endNs));
    this.#expire();
    return tables.flatMap((table) => (table.temporality === 'delta' ? this.#setOf(table).add(table) : [table]));
  }

  #setOf(table: MetricTable): StreamSet {
    let sets = this.#sets.get(table.resource);
    if (sets === undefined) {
      sets = [];
      this.#sets.set(table.resource, sets);
    }
    let set = sets.find(({ metric, scope }) => metric === table.metric && scope === table.scope);
    if (set === undefined) {
      set = new StreamSet(table, this.#places);
      sets.push(set);
      this.#places.holders.add(set);
    }
    return set;
  }

  #expire(): void {
    for (const [resource, sets] of this.#sets) {
      for (const set of sets) {
        set.expire(this.#nowMs, this.#limits.maxStaleMs);
        if (set.empty) this.#places.holders.delete(set);
      }
      const live = sets.filter((set) => !set.empty);
      if (live.length === 0) this.#sets.delete(resource);
      else this.#sets.set(resource, live);
    }
  }
}
