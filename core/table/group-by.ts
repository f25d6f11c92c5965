/**
 * Finds the series of every row of a table and adds its measures up, by open addressing over typed arrays
 * (DESIGN.md, section 5). Sums are exact as long as they stay below 2^53.
 */

import { ABSENT, type AttributeColumn } from './dictionary.ts';
import { BLOCK_ROWS, type SeriesIndex } from './series-index.ts';

export interface GroupByInput {
  /** Its columns are those of `columns`, in the same order. New series are appended. */
  readonly index: SeriesIndex;
  readonly columns: readonly AttributeColumn[];
  readonly rows: number;
  /** One value a row each. */
  readonly measures: readonly Float64Array[];
}

export interface Groups {
  /** The series that occur, each once, in the order of their first row. */
  readonly ids: Uint32Array;
  /** One sum an id for each measure. */
  readonly sums: readonly Float64Array[];
}

export function groupBy({ index, columns, rows, measures }: GroupByInput): Groups {
  const groupOfRow = new Uint32Array(rows);
  const block = columns.map(() => new Uint32Array(BLOCK_ROWS));
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const length = Math.min(BLOCK_ROWS, rows - from);
    for (let c = 0; c < columns.length; c++) gather(columns[c]!, from, length, block[c]!);
    index.internBlock(block, length, groupOfRow, from);
  }
  const ids = numberGroups(groupOfRow, index.size);
  return { ids, sums: measures.map((values) => sumGroups(groupOfRow, values, ids.length)) };
}

/** Writes the codes of some rows, through the column's mapping where it has one. */
export function gather({ rows, through }: AttributeColumn, from: number, length: number, codes: Uint32Array): void {
  if (through === undefined) {
    for (let i = 0; i < length; i++) codes[i] = rows[from + i]!;
    return;
  }
  const known = through.length;
  for (let i = 0; i < length; i++) {
    const code = rows[from + i]!;
    codes[i] = code < known ? through[code]! : ABSENT;
  }
}

/** Turns the series id of each row into a number that counts the groups of this table from 0; gives their ids. */
function numberGroups(groupOfRow: Uint32Array, size: number): Uint32Array {
  const groupOfId = new Uint32Array(size);
  const ids = new Uint32Array(Math.min(size, groupOfRow.length));
  let groups = 0;
  for (let row = 0; row < groupOfRow.length; row++) {
    const id = groupOfRow[row]!;
    let group = groupOfId[id]!;
    if (group === 0) {
      ids[groups] = id;
      group = ++groups;
      groupOfId[id] = group;
    }
    groupOfRow[row] = group - 1;
  }
  return ids.slice(0, groups);
}

function sumGroups(groupOfRow: Uint32Array, values: Float64Array, groups: number): Float64Array {
  const sums = new Float64Array(groups);
  for (let row = 0; row < groupOfRow.length; row++) sums[groupOfRow[row]!]! += values[row]!;
  return sums;
}
