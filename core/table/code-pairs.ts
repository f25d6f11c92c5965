/**
 * A number for each pair of codes: open addressing over one typed array, linear probing, at most half full. A Map with
 * such keys takes five times as long, and there is a look-up for every row.
 */

import { finishHash, mixCode, secretSeed } from './code-hash.ts';

/** What `find` gives for a pair that has no number. */
export const NOT_FOUND = -1;

const INITIAL_SLOTS = 1024;
/** First code, second code, number + 1; 0 in the third place is free. */
const WORDS = 3;

/** Codes are 32 bits of any meaning; numbers are from 0 to 2^31 - 2. */
export class CodePairs {
  readonly #seed = secretSeed();
  #slots = new Int32Array(INITIAL_SLOTS * WORDS);
  #mask = INITIAL_SLOTS - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Memory that it holds. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  find(first: number, second: number): number {
    return this.#slots[this.#placeOf(first | 0, second | 0) + 2]! - 1;
  }

  /** Gives the pair this number, whether it had one or not. */
  set(first: number, second: number, number: number): void {
    let at = this.#placeOf(first | 0, second | 0);
    if (this.#slots[at + 2] === 0) {
      if (2 * ++this.#size > this.#mask) {
        this.#grow();
        at = this.#placeOf(first | 0, second | 0);
      }
    }
    this.#slots[at] = first;
    this.#slots[at + 1] = second;
    this.#slots[at + 2] = number + 1;
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
    const mask = this.#mask;
    const seed = this.#seed;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const first = firsts[row]!;
      const second = seconds[row]!;
      let slot = finishHash(mixCode(mixCode(seed, first), second)) & mask;
      for (;;) {
        const at = slot * WORDS;
        const taken = slots[at + 2]!;
        if (taken === 0) {
          missing[count++] = row;
          break;
        }
        if (slots[at] === first && slots[at + 1] === second) {
          numbers[offset + row] = taken - 1;
          break;
        }
        slot = (slot + 1) & mask;
      }
    }
    return count;
  }

  /** Where the pair stands, or where it would. */
  #placeOf(first: number, second: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = finishHash(mixCode(mixCode(this.#seed, first), second)) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (slots[at + 2] === 0 || (slots[at] === first && slots[at + 1] === second)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = this.#slots.length / WORDS - 1;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + 2] === 0) continue;
      const at = this.#placeOf(old[from]!, old[from + 1]!);
      for (let word = 0; word < WORDS; word++) this.#slots[at + word] = old[from + word]!;
    }
  }
}
