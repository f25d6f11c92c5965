/**
 * Brings the codes of a row down to two words, so that a row finds its series with one look-up: what is seen through one
 * end of the flows is one number an endpoint, and the words hold each number in as many bits as it takes.
 */

import { CodePairs } from './code-pairs.ts';
import type { AttributeColumn, CodeArray } from './dictionary.ts';
import { EndTuples } from './end-tuples.ts';
import { BLOCK_ROWS } from './series-index.ts';

const WORD_BITS = 32;
/** Tuples that endpoints had before are forgotten when there are this many times as many as endpoints, and some more. */
const MAX_IDLE_RATIO = 8;
const MIN_IDLE_TUPLES = 1 << 16;

/** Columns whose codes are seen through the same rows, or one column that has codes of its own. */
interface Part {
  /** Places of the columns. */
  readonly columns: readonly number[];
  readonly tuples: EndTuples | undefined;
  /** What its numbers have taken so far: it never becomes less, so that keys stay. */
  bits: number;
}

/** Where the number of a part stands in the keys of one table. */
interface Field {
  readonly rows: CodeArray;
  /** Numbers of endpoints; undefined: the number is the code + 1, 0 where it is absent. */
  readonly ofEndpoint: Uint32Array | undefined;
  readonly word: 0 | 1;
  readonly shift: number;
}

/** The rows of one table. */
export type Fields = readonly Field[];

/** One a series index, and replaced with it. */
export class RowKeys {
  readonly #first = new Int32Array(BLOCK_ROWS);
  readonly #second = new Int32Array(BLOCK_ROWS);
  /** Ids of series by their keys. */
  #ids = new CodePairs();
  readonly #codes = new Uint32Array(BLOCK_ROWS);
  #parts: Part[] = [];
  #partsKey = '';
  #layout = '';

  /** Undefined where keys gain nothing: no end has two columns, or the numbers take more than two words. */
  fieldsOf(columns: readonly AttributeColumn[], rows: number): Fields | undefined {
    const grouped = partsOf(columns);
    if (grouped.length === columns.length) return undefined;
    const partsKey = grouped.join('|');
    if (partsKey !== this.#partsKey || this.#parts.some(isMostlyIdle)) {
      this.#partsKey = partsKey;
      this.#layout = '';
      this.#parts = grouped.map((places) => {
        const own = places.map((place) => columns[place]!);
        return { columns: places, tuples: own[0]!.through === undefined ? undefined : new EndTuples(own), bits: 0 };
      });
    }
    const fields = this.#place(columns, rows);
    if (fields === undefined) return undefined;
    const layout = fields.map(({ word, shift }) => `${word}:${shift}`).join();
    // The same bits would mean other numbers.
    if (layout !== this.#layout) this.#ids = new CodePairs();
    this.#layout = layout;
    return fields;
  }

  #place(columns: readonly AttributeColumn[], rows: number): Fields | undefined {
    const used: [number, number] = [0, 0];
    const fields: Field[] = [];
    for (const part of this.#parts) {
      const own = part.columns.map((place) => columns[place]!);
      const codes = own[0]!.rows;
      const ofEndpoint = part.tuples?.update(own.flatMap(({ through }) => through ?? []));
      const most = part.tuples === undefined ? highestBits(codes, rows) : part.tuples.size;
      part.bits = Math.max(part.bits, WORD_BITS - Math.clz32(most));
      const word = used[0] + part.bits <= WORD_BITS ? 0 : 1;
      const shift = used[word];
      used[word] += part.bits;
      if (used[word] > WORD_BITS) return undefined;
      fields.push({ rows: codes, ofEndpoint, word, shift });
    }
    return fields;
  }

  /**
   * Looks up up to BLOCK_ROWS rows: the ids of their series are written to `ids` from `from` on, and to `missing` which of
   * them (counted from 0) have none yet; gives how many these are. Undefined where a row has an endpoint that no mapping
   * reaches: then the rows have no keys.
   */
  find(fields: Fields, from: number, rows: number, ids: Uint32Array, missing: Uint32Array): number | undefined {
    if (!this.#write(fields, from, rows)) return undefined;
    return this.#ids.findBlock(this.#first, this.#second, rows, ids, from, missing);
  }

  /** The id of a row that the last `find` gave as missing. */
  remember(row: number, id: number): void {
    this.#ids.set(this.#first[row]!, this.#second[row]!, id);
  }

  #write(fields: Fields, from: number, rows: number): boolean {
    this.#first.fill(0, 0, rows);
    this.#second.fill(0, 0, rows);
    for (const { rows: all, ofEndpoint, word, shift } of fields) {
      const keys = word === 0 ? this.#first : this.#second;
      const codes = this.#codesFrom(all, from, rows);
      if (ofEndpoint === undefined) addCodes(keys, codes, shift);
      else if (!addTuples(keys, codes, ofEndpoint, shift)) return false;
    }
    return true;
  }

  /** As 32-bit codes, so that the loops over them see one kind of array. */
  #codesFrom(all: CodeArray, from: number, rows: number): Uint32Array {
    const some = all.subarray(from, from + rows);
    if (some instanceof Uint32Array) return some;
    this.#codes.set(some);
    return this.#codes.subarray(0, rows);
  }
}

/** Places of the columns that make one part each. */
function partsOf(columns: readonly AttributeColumn[]): readonly (readonly number[])[] {
  const ends = new Map<CodeArray, number[]>();
  const parts: number[][] = [];
  for (const [place, { through, rows }] of columns.entries()) {
    const known = through === undefined ? undefined : ends.get(rows);
    if (known !== undefined) {
      known.push(place);
      continue;
    }
    const part = [place];
    parts.push(part);
    if (through !== undefined) ends.set(rows, part);
  }
  return parts;
}

const isMostlyIdle = ({ tuples }: Part) =>
  tuples !== undefined && tuples.size > MIN_IDLE_TUPLES + MAX_IDLE_RATIO * tuples.endpoints;

/** A number with all bits that occur in the codes, each + 1 so that ABSENT is 0. */
function highestBits(codes: CodeArray, rows: number): number {
  let bits = 0;
  for (let row = 0; row < rows; row++) bits |= codes[row]! + 1;
  return bits;
}

function addCodes(keys: Int32Array, codes: Uint32Array, shift: number): void {
  for (let i = 0; i < codes.length; i++) keys[i]! |= (codes[i]! + 1) << shift;
}

function addTuples(keys: Int32Array, codes: Uint32Array, ofEndpoint: Uint32Array, shift: number): boolean {
  const known = ofEndpoint.length;
  for (let i = 0; i < codes.length; i++) {
    const endpoint = codes[i]!;
    if (endpoint >= known) return false;
    keys[i]! |= ofEndpoint[endpoint]! << shift;
  }
  return true;
}
