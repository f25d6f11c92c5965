/**
 * The series of one or more metrics: an append-only list of distinct attribute tuples. Points name a series by its id,
 * so state and encoded bytes are kept per id and found again without hashing. An index is replaced by a new one, never
 * cleared; tables in a queue keep theirs.
 */

import { finishHash, mixCode, secretSeed } from './code-hash.ts';
import type { Dictionary } from './dictionary.ts';

/** Rows that are hashed together: the codes of a block and its hashes stay in the first-level cache. */
export const BLOCK_ROWS = 2048;

const INITIAL_CAPACITY = 64;

/** One attribute of all series. */
export interface SeriesColumn {
  /** Name as it leaves, in the preset's spelling. */
  readonly name: string;
  readonly dictionary: Dictionary;
  /** One code an id; valid below `size`. Replaced by a longer array when the index grows: read it anew each time. */
  readonly codes: Uint32Array;
}

/**
 * Open addressing over the code tuples, linear probing, at most half full. Within one column different codes must stand
 * for different values, and one code alone for absence: only then are two series never equal in their attributes.
 */
export class SeriesIndex {
  readonly columns: readonly SeriesColumn[];
  readonly #columns: { readonly name: string; readonly dictionary: Dictionary; codes: Uint32Array }[];
  readonly #seed = secretSeed();
  readonly #hashes = new Int32Array(BLOCK_ROWS);
  readonly #single: readonly Uint32Array[];
  readonly #singleId = new Uint32Array(1);
  #size = 0;
  #capacity = INITIAL_CAPACITY;
  /** Pairs of hash and id + 1; 0 in the second place is free. Two pairs for each series that fits. */
  #slots = new Int32Array(INITIAL_CAPACITY * 4);

  constructor(columns: readonly { readonly name: string; readonly dictionary: Dictionary }[]) {
    this.#columns = columns.map(({ name, dictionary }) => ({
      name,
      dictionary,
      codes: new Uint32Array(INITIAL_CAPACITY),
    }));
    this.columns = this.#columns;
    this.#single = columns.map(() => new Uint32Array(1));
  }

  get size(): number {
    return this.#size;
  }

  /** The id of the series with these codes, one a column; appended when it is new. */
  intern(codes: ArrayLike<number>): number {
    for (let c = 0; c < this.#single.length; c++) this.#single[c]![0] = codes[c]!;
    this.internBlock(this.#single, 1, this.#singleId, 0);
    return this.#singleId[0]!;
  }

  /**
   * The same for up to BLOCK_ROWS rows at once: `block` has one array of codes a column; the ids are written to `ids`
   * from `offset` on.
   */
  internBlock(block: readonly Uint32Array[], rows: number, ids: Uint32Array, offset: number): void {
    this.#reserve(this.#size + rows);
    const hashes = this.#hashBlock(block, rows);
    const slots = this.#slots;
    const mask = slots.length - 1;
    const columns = this.#columns;
    for (let row = 0; row < rows; row++) {
      const hash = hashes[row]!;
      let slot = (hash << 1) & mask;
      for (;;) {
        const taken = slots[slot + 1]!;
        if (taken === 0) {
          slots[slot] = hash;
          slots[slot + 1] = this.#size + 1;
          ids[offset + row] = this.#append(block, row);
          break;
        }
        if (slots[slot] === hash && sameCodes(columns, taken - 1, block, row)) {
          ids[offset + row] = taken - 1;
          break;
        }
        slot = (slot + 2) & mask;
      }
    }
  }

  /** The id of the series with these codes, one a column; undefined when there is none. Appends nothing. */
  find(codes: ArrayLike<number>): number | undefined {
    for (let c = 0; c < this.#single.length; c++) this.#single[c]![0] = codes[c]!;
    const hash = this.#hashBlock(this.#single, 1)[0]!;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = (hash << 1) & mask; slots[slot + 1] !== 0; slot = (slot + 2) & mask) {
      const id = slots[slot + 1]! - 1;
      if (slots[slot] === hash && sameCodes(this.#columns, id, this.#single, 0)) return id;
    }
    return undefined;
  }

  /** Memory that the index holds; the dictionaries are not its own. */
  get bytes(): number {
    return this.#slots.byteLength + this.#columns.reduce((sum, { codes }) => sum + codes.byteLength, 0);
  }

  /** Valid until the next call. */
  #hashBlock(block: readonly Uint32Array[], rows: number): Int32Array {
    const hashes = this.#hashes;
    hashes.fill(this.#seed, 0, rows);
    for (const codes of block) mix(hashes, codes, rows);
    for (let row = 0; row < rows; row++) hashes[row] = finishHash(hashes[row]!);
    return hashes;
  }

  #append(block: readonly Uint32Array[], row: number): number {
    const id = this.#size++;
    for (let c = 0; c < block.length; c++) this.#columns[c]!.codes[id] = block[c]![row]!;
    return id;
  }

  #reserve(size: number): void {
    if (size <= this.#capacity) return;
    while (this.#capacity < size) this.#capacity *= 2;
    for (const column of this.#columns) {
      const codes = new Uint32Array(this.#capacity);
      codes.set(column.codes);
      column.codes = codes;
    }
    const old = this.#slots;
    const slots = new Int32Array(this.#capacity * 4);
    const mask = slots.length - 1;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let slot = (old[from]! << 1) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      slots[slot] = old[from]!;
      slots[slot + 1] = old[from + 1]!;
    }
    this.#slots = slots;
  }
}

function mix(hashes: Int32Array, codes: Uint32Array, rows: number): void {
  for (let row = 0; row < rows; row++) hashes[row] = mixCode(hashes[row]!, codes[row]!);
}

function sameCodes(
  columns: readonly { readonly codes: Uint32Array }[],
  id: number,
  block: readonly Uint32Array[],
  row: number,
): boolean {
  for (let c = 0; c < block.length; c++) {
    if (columns[c]!.codes[id] !== block[c]![row]) return false;
  }
  return true;
}
