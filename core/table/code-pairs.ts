/**
 * A number for each pair of codes: open addressing over typed arrays, linear probing, at most half full. A Map with such
 * keys takes five times as long, and there is a look-up for every row. Pairs lie in the order in which they came, as rows
 * of the next window do, so that only the slots are read here and there.
 */

import { finishHash, mixCode, secretSeed } from './code-hash.ts';

/** What `find` gives for a pair that has no number. */
export const NOT_FOUND = -1;

const INITIAL_PAIRS = 512;

/** Codes are 32 bits of any meaning; numbers are from 0 to 2^31 - 1. */
export class CodePairs {
  readonly #seed = secretSeed();
  /** Place of a pair + 1; 0 is free. Two slots for each pair that fits. */
  #slots = new Int32Array(2 * INITIAL_PAIRS);
  #firsts = new Int32Array(INITIAL_PAIRS);
  #seconds = new Int32Array(INITIAL_PAIRS);
  #numbers = new Int32Array(INITIAL_PAIRS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(first: number, second: number): number {
    const place = this.#slots[this.#slotOf(first | 0, second | 0)]! - 1;
    return place < 0 ? NOT_FOUND : this.#numbers[place]!;
  }

  /** Gives the pair this number, whether it had one or not. */
  set(first: number, second: number, number: number): void {
    const known = this.#slots[this.#slotOf(first | 0, second | 0)]!;
    if (known > 0) {
      this.#numbers[known - 1] = number;
      return;
    }
    if (this.#size === this.#numbers.length) this.#grow();
    const place = this.#size++;
    this.#firsts[place] = first;
    this.#seconds[place] = second;
    this.#numbers[place] = number;
    this.#slots[this.#slotOf(first | 0, second | 0)] = place + 1;
  }

  /**
   * The numbers of the first `rows` pairs, written to `numbers` from `offset` on. Places of those that have none are
   * written to `missing`; gives how many these are.
   */
  findBlock(
    firsts: Int32Array,
    seconds: Int32Array,
    rows: number,
    numbers: Uint32Array,
    offset: number,
    missing: Uint32Array,
  ): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const [ownFirsts, ownSeconds, ownNumbers] = [this.#firsts, this.#seconds, this.#numbers];
    const seed = this.#seed;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const first = firsts[row]!;
      const second = seconds[row]!;
      let slot = finishHash(mixCode(mixCode(seed, first), second)) & mask;
      for (;;) {
        const place = slots[slot]! - 1;
        if (place < 0) {
          missing[count++] = row;
          break;
        }
        if (ownFirsts[place] === first && ownSeconds[place] === second) {
          numbers[offset + row] = ownNumbers[place]!;
          break;
        }
        slot = (slot + 1) & mask;
      }
    }
    return count;
  }

  /** Where the pair stands, or where it would. */
  #slotOf(first: number, second: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = finishHash(mixCode(mixCode(this.#seed, first), second)) & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot]! - 1;
      if (place < 0 || (this.#firsts[place] === first && this.#seconds[place] === second)) return slot;
    }
  }

  #grow(): void {
    this.#firsts = doubled(this.#firsts);
    this.#seconds = doubled(this.#seconds);
    this.#numbers = doubled(this.#numbers);
    this.#slots = new Int32Array(2 * this.#numbers.length);
    for (let place = 0; place < this.#size; place++) {
      this.#slots[this.#slotOf(this.#firsts[place]!, this.#seconds[place]!)] = place + 1;
    }
  }
}

function doubled(values: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * values.length);
  grown.set(values);
  return grown;
}
