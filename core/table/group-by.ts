/**
 * Finds the series of every row of a table and adds its measures up, by open addressing over typed arrays
 * (DESIGN.md, section 5). Sums are exact as long as they stay below 2^53.
 */

import { ABSENT, type AttributeColumn } from './dictionary.ts';
import { RowKeys } from './row-keys.ts';
import { codesAt, valuesAt } from './select-rows.ts';
import { BLOCK_ROWS, type SeriesIndex } from './series-index.ts';

export interface GroupByInput {
  /** Those of the index, in the same order. */
  readonly columns: readonly AttributeColumn[];
  readonly rows: number;
  /** What is added up of which rows. */
  readonly parts: readonly Summands[];
}

export interface Summands {
  /** Places of the rows that count, each once; absent: all. */
  readonly places?: Uint32Array;
  /** One value a row of the table each. */
  readonly measures: readonly Float64Array[];
}

export interface Groups {
  /** The series that occur, each once, in the order of their first row. */
  readonly ids: Uint32Array;
  /** One sum an id for each measure. */
  readonly sums: readonly Float64Array[];
}

/** Gives the groups of each part. New series are appended to the index. */
export type GroupBy = (input: GroupByInput) => readonly Groups[];

/** One an index: it remembers which rows were of which series. */
export function createGroupBy(index: SeriesIndex): GroupBy {
  const keys = new RowKeys();
  return ({ columns, rows, parts }) => {
    const seriesOfRow = findSeries(index, keys, columns, rows);
    return parts.map(({ places, measures }) => {
      const groupOfRow = places === undefined ? seriesOfRow.slice() : codesAt(seriesOfRow, places);
      const ids = numberGroups(groupOfRow, index.size);
      const sums = measures.map((values) => {
        const counted = places === undefined ? values : valuesAt(values, places);
        return sumGroups(groupOfRow, counted, ids.length);
      });
      return { ids, sums };
    });
  };
}

/** The id of each row's series. */
function findSeries(index: SeriesIndex, keys: RowKeys, columns: readonly AttributeColumn[], rows: number): Uint32Array {
  const ids = new Uint32Array(rows);
  const block = columns.map(() => new Uint32Array(BLOCK_ROWS));
  const [missing, newIds] = [new Uint32Array(BLOCK_ROWS), new Uint32Array(BLOCK_ROWS)];
  const fields = keys.fieldsOf(columns, rows);
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const length = Math.min(BLOCK_ROWS, rows - from);
    const count = fields && keys.find(fields, from, length, ids, missing);
    if (count === undefined) {
      for (let c = 0; c < columns.length; c++) gather(columns[c]!, from, length, block[c]!);
      index.internBlock(block, length, ids, from);
    } else if (count > 0) {
      for (let c = 0; c < columns.length; c++) gatherSome(columns[c]!, from, missing, count, block[c]!);
      index.internBlock(block, count, newIds, 0);
      for (let i = 0; i < count; i++) {
        ids[from + missing[i]!] = newIds[i]!;
        keys.remember(missing[i]!, newIds[i]!);
      }
    }
  }
  return ids;
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

/** The same of the rows at these places behind `from`. */
function gatherSome(column: AttributeColumn, from: number, places: Uint32Array, count: number, codes: Uint32Array) {
  const { rows, through } = column;
  for (let i = 0; i < count; i++) {
    const code = rows[from + places[i]!]!;
    codes[i] = through === undefined ? code : code < through.length ? through[code]! : ABSENT;
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
