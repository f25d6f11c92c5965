/** The rows of flow tables and the points of metric tables, seen alike: for questions about attributes. */

import { attributes, columnOf, namesOf } from './attributes.ts';
import type { FlowTable } from './flow-table.ts';
import type { MetricTable } from './metric-table.ts';
import type { Rows } from './row-verdicts.ts';

export function rowsOfFlows(table: FlowTable): Rows {
  return { count: table.rows, column: (attribute) => columnOf(table, attribute) };
}

/** A point names its series, so the codes of a column are found through the series. */
export function rowsOfPoints({ ids, series }: MetricTable): Rows {
  return {
    count: ids.length,
    column(attribute) {
      const names = namesOf(attribute);
      const column = series.columns.find(({ name }) => names.includes(name));
      return column && { attribute, rows: ids, through: column.codes, dictionary: column.dictionary };
    },
  };
}

/** By the names of the catalogue where it has them. */
export function attributesOfFlows(table: FlowTable): readonly string[] {
  return attributes.flatMap(({ name }) => (columnOf(table, name) === undefined ? [] : [name]));
}

export function attributesOfPoints({ series }: MetricTable): readonly string[] {
  return series.columns.map(({ name }) => name);
}

/** The table with these points alone, in this order. */
export function selectPoints(table: MetricTable, places: Uint32Array): MetricTable {
  const { ids, values, startCodes } = table;
  const kept = { ...table, ids: ids.slice(0, places.length), values: values.slice(0, places.length) };
  for (let point = 0; point < places.length; point++) {
    kept.ids[point] = ids[places[point]!]!;
    kept.values[point] = values[places[point]!]!;
  }
  return startCodes === undefined ? kept : { ...kept, startCodes: places.map((place) => startCodes[place]!) };
}
