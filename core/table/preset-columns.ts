/**
 * The columns of a table as they leave under a naming preset: some conventions write a value in another way, or have a
 * name for some of the values only.
 */

import { type Attribute, attributeOf, columnOf, type Writing } from './attributes.ts';
import { ABSENT, type AttributeColumn, type AttributeValue, type Dictionary, lazyColumn } from './dictionary.ts';
import type { FlowTable, NamingPreset } from './flow-table.ts';

export interface NamedColumn {
  readonly name: string;
  readonly column: AttributeColumn;
}

/** The attributes that the table has and the preset has a name for, in the order given. */
export function namedColumns(
  table: FlowTable,
  selected: readonly string[],
  preset: NamingPreset,
): readonly NamedColumn[] {
  return selected.flatMap((attribute) => {
    const entry = attributeOf(attribute);
    const name = entry?.names[preset];
    const column = columnOf(table, attribute);
    return entry && name && column ? [{ name, column: columnUnder(table, entry, column, preset) }] : [];
  });
}

function columnUnder(table: FlowTable, { values, only }: Attribute, column: AttributeColumn, preset: NamingPreset) {
  const writing = values[preset];
  const condition = only[preset];
  const other = condition && table.columns.get(condition.attribute);
  const kept = other === undefined ? column : columnWhere(column, other, condition!.value, table.rows);
  if (writing === undefined) return kept;
  const { attribute, through } = kept;
  const dictionary = rewritten(kept.dictionary, writing);
  return lazyColumn({ attribute, dictionary, ...(through === undefined ? {} : { through }) }, () => kept.rows);
}

/** By dictionary: the same object each time, so that series ids stay. */
const rewrittenBy = new Map<Writing, WeakMap<Dictionary, Dictionary>>();

function rewritten(dictionary: Dictionary, writing: Writing): Dictionary {
  const known = rewrittenBy.get(writing) ?? new WeakMap<Dictionary, Dictionary>();
  rewrittenBy.set(writing, known);
  let made = known.get(dictionary);
  if (made === undefined) {
    const { exists } = dictionary;
    made = {
      at: (code) => {
        const value = dictionary.at(code);
        return value === undefined ? undefined : writing.write(value);
      },
      ...(exists === undefined ? {} : { exists: (code: number) => exists.call(dictionary, code) }),
    };
    known.set(dictionary, made);
  }
  return made;
}

/** The column where another one has this value, absent elsewhere. */
function columnWhere(
  column: AttributeColumn,
  other: AttributeColumn,
  value: AttributeValue,
  rows: number,
): AttributeColumn {
  const { attribute, dictionary } = column;
  const isValue = new Map<number, boolean>();
  const has = (code: number) => {
    let known = isValue.get(code);
    if (known === undefined) {
      known = other.dictionary.at(code) === value;
      isValue.set(code, known);
    }
    return known;
  };
  const { through, rows: codes } = column;
  const otherThrough = other.through;
  if (through !== undefined && otherThrough !== undefined && codes === other.rows) {
    const known = Math.min(through.length, otherThrough.length);
    const kept = Uint32Array.from({ length: known }, (_, end) => (has(otherThrough[end]!) ? through[end]! : ABSENT));
    return { attribute, dictionary, rows: codes, through: kept };
  }
  const at = ({ rows: all, through: mapped }: AttributeColumn, row: number) =>
    mapped === undefined ? all[row]! : (mapped[all[row]!] ?? ABSENT);
  return lazyColumn({ attribute, dictionary }, () =>
    Uint32Array.from({ length: rows }, (_, row) => (has(at(other, row)) ? at(column, row) : ABSENT)),
  );
}
