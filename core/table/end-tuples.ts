/**
 * The columns that are seen through one end of the flows, as one column: a number for each endpoint that stands for its
 * codes in all of them. Told once an endpoint, and again where one of its codes has changed.
 */

import { ABSENT, type AttributeColumn, type CodeArray } from './dictionary.ts';
import { BLOCK_ROWS, SeriesIndex } from './series-index.ts';

export class EndTuples {
  readonly #tuples: SeriesIndex;
  readonly #block: readonly Uint32Array[];
  readonly #places = new Uint32Array(BLOCK_ROWS);
  readonly #found = new Uint32Array(BLOCK_ROWS);
  #throughs: readonly CodeArray[] = [];
  #ofEndpoint = new Uint32Array(0);
  #endpoints = 0;

  constructor(columns: readonly AttributeColumn[]) {
    this.#tuples = new SeriesIndex(columns.map(({ attribute, dictionary }) => ({ name: attribute, dictionary })));
    this.#block = columns.map(() => new Uint32Array(BLOCK_ROWS));
  }

  /** How many tuples there have been. */
  get size(): number {
    return this.#tuples.size;
  }

  /** How many endpoints have one. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /**
   * The number of each endpoint's tuple. `throughs`: one mapping a column, in the order of the constructor; they are
   * compared with those of the call before, so what a mapping holds must never change. Valid until the next call.
   */
  update(throughs: readonly CodeArray[]): Uint32Array {
    const endpoints = throughs.reduce((most, { length }) => Math.max(most, length), 0);
    this.#reserve(endpoints);
    const known = this.#endpoints;
    const others = throughs.flatMap((now, c) => {
      const before = this.#throughs[c] ?? now;
      return isExtended(before, now, known) ? [] : [{ before, now }];
    });
    let count = 0;
    for (let endpoint = others.length > 0 ? 0 : known; endpoint < endpoints; endpoint++) {
      if (endpoint < known && haveSameCodes(others, endpoint)) continue;
      this.#places[count++] = endpoint;
      if (count < BLOCK_ROWS) continue;
      this.#tell(throughs, count);
      count = 0;
    }
    this.#tell(throughs, count);
    this.#throughs = throughs;
    this.#endpoints = endpoints;
    return this.#ofEndpoint.subarray(0, endpoints);
  }

  #tell(throughs: readonly CodeArray[], count: number): void {
    for (let c = 0; c < throughs.length; c++) {
      const [codes, block] = [throughs[c]!, this.#block[c]!];
      for (let i = 0; i < count; i++) block[i] = codeAt(codes, this.#places[i]!);
    }
    this.#tuples.internBlock(this.#block, count, this.#found, 0);
    for (let i = 0; i < count; i++) this.#ofEndpoint[this.#places[i]!] = this.#found[i]!;
  }

  #reserve(endpoints: number): void {
    if (endpoints <= this.#ofEndpoint.length) return;
    const grown = new Uint32Array(Math.max(endpoints, 2 * this.#ofEndpoint.length));
    grown.set(this.#ofEndpoint);
    this.#ofEndpoint = grown;
  }
}

const codeAt = (codes: CodeArray, endpoint: number): number => (endpoint < codes.length ? codes[endpoint]! : ABSENT);

/** Whether the known endpoints have the codes of before: a column that grows is written on behind them. */
function isExtended(before: CodeArray, now: CodeArray, known: number): boolean {
  if (before.buffer !== now.buffer || before.byteOffset !== now.byteOffset) return false;
  return before.length === now.length || (before.length < now.length && before.length === known);
}

function haveSameCodes(
  columns: readonly { readonly before: CodeArray; readonly now: CodeArray }[],
  endpoint: number,
): boolean {
  for (const { before, now } of columns) if (codeAt(before, endpoint) !== codeAt(now, endpoint)) return false;
  return true;
}
