/** The running sums of the series of one index, in arrays by series id; those that have one are live. */

import type { SeriesIndex } from './series-index.ts';

/** In place of a start code: the id has no sum, and its attributes were not yet looked up in earlier indexes. */
const UNSEEN = 0xffffffff;
/** In place of a start code: the id has no sum, and there is none to be found elsewhere. */
const UNTRACKED = 0xfffffffe;

export class StreamSums {
  readonly index: SeriesIndex;
  /** The sum of an id that has one; of another, what it had to leave to the overflow series. */
  values = new Float64Array(0);
  /** Time of the last point, or of the last time its ends were found to exist: milliseconds since the Unix epoch. */
  lastMs = new Float64Array(0);
  #startCodes = new Uint32Array(0);
  /** What ids that have a sum had left to the overflow series before. */
  readonly #before = new Map<number, number>();
  #live = 0;

  constructor(index: SeriesIndex) {
    this.index = index;
  }

  /** How many ids have a sum. */
  get live(): number {
    return this.#live;
  }

  has(id: number): boolean {
    return id < this.#startCodes.length && this.#startCodes[id]! < UNTRACKED;
  }

  /** True until the id has had a sum, or was refused one. */
  unseen(id: number): boolean {
    return this.#startCodes[id] === UNSEEN;
  }

  /** Of an id that has a sum: what names its start time. */
  startCode(id: number): number {
    return this.#startCodes[id]!;
  }

  /** All that came under this id, with a sum or without: what series are ranked by. */
  weight(id: number): number {
    return id < this.values.length ? this.values[id]! + (this.#before.get(id) ?? 0) : 0;
  }

  /** `before`: what it had left to the overflow series until now. */
  begin(id: number, startCode: number, value: number, before = 0): void {
    if (!this.has(id)) this.#live++;
    this.#startCodes[id] = startCode;
    this.values[id] = value;
    if (before > 0) this.#before.set(id, before);
  }

  /** Takes the sum away, if there is one; the id is not looked up any more, and is ranked by this weight. */
  end(id: number, weight = 0): void {
    if (this.has(id)) this.#live--;
    this.#before.delete(id);
    this.#startCodes[id] = UNTRACKED;
    this.values[id] = weight;
  }

  /**
   * Ends what had no point since then, unless it `remains`; gives how many. What has no sum loses its weight. What
   * remains is asked again when as much time has gone by since `nowMs`.
   */
  expire(beforeMs: number, nowMs: number, remains: (id: number) => boolean): number {
    const live = this.#live;
    for (let id = 0; id < this.#startCodes.length; id++) {
      if (!(this.lastMs[id]! < beforeMs) || this.unseen(id)) continue;
      if (!this.has(id)) this.values[id] = 0;
      else if (remains(id)) this.lastMs[id] = nowMs;
      else this.end(id);
    }
    return live - this.#live;
  }

  /** Gives every sum the code that `codeOf` has for its start. */
  recode(codeOf: (startCode: number) => number): void {
    const codes = this.#startCodes;
    for (let id = 0; id < codes.length; id++) if (codes[id]! < UNTRACKED) codes[id] = codeOf(codes[id]!);
  }

  /** Ids that have a sum. */
  *liveIds(): Generator<number> {
    for (let id = 0; id < this.#startCodes.length; id++) if (this.has(id)) yield id;
  }

  /** Makes room for this many ids. */
  reserve(size: number): void {
    const old = this.#startCodes.length;
    if (size <= old) return;
    const capacity = Math.max(size, old * 2);
    const values = new Float64Array(capacity);
    const lastMs = new Float64Array(capacity);
    const startCodes = new Uint32Array(capacity).fill(UNSEEN, old);
    values.set(this.values);
    lastMs.set(this.lastMs);
    startCodes.set(this.#startCodes);
    this.values = values;
    this.lastMs = lastMs;
    this.#startCodes = startCodes;
  }
}
