/** Some of the rows of a flow table, as a table of their own: for what concerns only flows of one kind. */

import { ABSENT, type AttributeColumn, type CodeArray, lazyColumn } from './dictionary.ts';
import type { FlowTable } from './flow-table.ts';

/** Places of the rows of which a boolean attribute is true; none where the table does not have it. */
export function rowsWhere(table: FlowTable, attribute: string): Uint32Array {
  const column = table.columns.get(attribute);
  const found = new Uint32Array(column === undefined ? 0 : table.rows);
  if (column === undefined) return found;
  const { rows, through, dictionary } = column;
  let count = 0;
  // No other code has that value.
  let trueCode = -1;
  let otherCode = -1;
  for (let row = 0; row < table.rows; row++) {
    const code = through === undefined ? rows[row]! : (through[rows[row]!] ?? ABSENT);
    if (trueCode < 0 && code !== otherCode) {
      if (dictionary.at(code) === true) trueCode = code;
      else otherCode = code;
    }
    if (code === trueCode) found[count++] = row;
  }
  return found.subarray(0, count);
}

/** The table with these rows alone, in this order. What is computed when first read still is. */
export function selectRows(table: FlowTable, places: Uint32Array): FlowTable {
  const { src, dst, endpoints } = table.ends;
  const codesAtPlaces = codesOnce(places);
  return {
    ...table,
    rows: places.length,
    ends: { endpoints, src: codesAtPlaces(src), dst: codesAtPlaces(dst) },
    columns: new Map([...table.columns].map(([name, column]) => [name, columnAt(column, codesAtPlaces)])),
    places: placesOf(table, places),
    measures: {
      bytes: valuesAt(table.measures.bytes, places),
      packets: valuesAt(table.measures.packets, places),
    },
  };
}

/** The same with every column computed, so that it outlives the arrays of the table. */
export function keepRows(table: FlowTable, places: Uint32Array): FlowTable {
  const kept = selectRows(table, places);
  for (const column of kept.columns.values()) void column.rows;
  return kept;
}

/** Places in the receiver's table of some rows of this one. */
export function placesOf({ places: own }: FlowTable, places: Uint32Array): Uint32Array {
  return own === undefined ? places : places.map((place) => own[place]!);
}

/** The places that are in every one of the lists, in order; a list has no place twice, and all are below `rows`. */
export function placesInAll(lists: readonly Uint32Array[], rows: number): Uint32Array {
  const [only] = lists;
  if (only === undefined || lists.some(({ length }) => length === 0)) return new Uint32Array(0);
  if (lists.length === 1) return only;
  const counts = new Uint16Array(rows);
  for (const list of lists) for (const place of list) counts[place]! += 1;
  return only.filter((place) => counts[place] === lists.length).sort();
}

/** Columns that are seen through one end still share its codes: whoever groups them tells by that. */
function codesOnce(places: Uint32Array): (codes: CodeArray) => CodeArray {
  const made = new Map<CodeArray, CodeArray>();
  return (codes) => {
    const known = made.get(codes) ?? codesAt(codes, places);
    made.set(codes, known);
    return known;
  };
}

function columnAt(column: AttributeColumn, codesAtPlaces: (codes: CodeArray) => CodeArray): AttributeColumn {
  const { attribute, dictionary, through } = column;
  const kept = through === undefined ? { attribute, dictionary } : { attribute, dictionary, through };
  return lazyColumn(kept, () => codesAtPlaces(column.rows));
}

/** The codes at these places, in an array of the same kind. */
export function codesAt<Codes extends CodeArray>(codes: Codes, places: Uint32Array): Codes {
  const found = new (codes.constructor as new (length: number) => Codes)(places.length);
  for (let row = 0; row < places.length; row++) found[row] = codes[places[row]!]!;
  return found;
}

/** The values at these places. */
export function valuesAt(values: Float64Array, places: Uint32Array): Float64Array {
  const found = new Float64Array(places.length);
  for (let row = 0; row < places.length; row++) found[row] = values[places[row]!]!;
  return found;
}
