/** The running sums of the series of one index, in arrays by series id; those that have one are live. */

import type { SeriesIndex } from './series-index.ts';

/** In place of a start code: the id has no sum, and its attributes were not yet looked up in earlier indexes. */
const UNSEEN = 0xffffffff;
/** In place of a start code: the id has no sum, and there is none to be found elsewhere. */
const UNTRACKED = 0xfffffffe;

export class StreamSums {
  readonly index: SeriesIndex;
  values = new Float64Array(0);
  /** Time of the last point, milliseconds since the Unix epoch. */
  lastMs = new Float64Array(0);
  #startCodes = new Uint32Array(0);
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

  begin(id: number, startCode: number, value: number): void {
    if (!this.has(id)) this.#live++;
    this.#startCodes[id] = startCode;
    this.values[id] = value;
  }

  /** Takes the sum away, if there is one; the id is not looked up any more. */
  end(id: number): void {
    if (this.has(id)) this.#live--;
    this.#startCodes[id] = UNTRACKED;
    this.values[id] = 0;
  }

  /** Ends what had no point since then; gives how many. */
  expire(beforeMs: number): number {
    const live = this.#live;
    for (let id = 0; id < this.#startCodes.length; id++) {
      if (this.has(id) && this.lastMs[id]! < beforeMs) this.end(id);
    }
    return live - this.#live;
  }

  /** Gives every sum the code that `codeOf` has for its start. */
  recode(codeOf: (startCode: number) => number): void {
    const codes = this.#startCodes;
    for (let id = 0; id < codes.length; id++) if (codes[id]! < UNTRACKED) codes[id] = codeOf(codes[id]!);
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
