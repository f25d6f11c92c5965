/**
 * Attributes of the ends of flows: one column of values by endpoint, seen through the codes of each end. And what a
 * processor needs that learns about endpoints later: the dimensions in use, and times to look again.
 */

import { ABSENT, type AttributeColumn, type AttributeValue } from './dictionary.ts';
import type { Derivation, EndpointColumn, EndpointDimension } from './dimension.ts';
import type { FlowTable } from './flow-table.ts';

/** `{end}` stands for src and dst. */
export type EndpointAttribute = `{end}.${string}` | `k8s.{end}.${string}`;

/** The columns by name, with new ones put in; the table itself stays as it is. */
export function withColumns(table: FlowTable, columns: readonly AttributeColumn[]): FlowTable {
  const all = new Map(table.columns);
  for (const column of columns) all.set(column.attribute, column);
  return { ...table, columns: all };
}

/** The table with this attribute for both ends, from a column that its dimension derived. */
export function withEndpointAttribute(
  table: FlowTable,
  attribute: EndpointAttribute,
  { codes: through, dictionary }: EndpointColumn,
): FlowTable {
  const { src, dst } = table.ends;
  const column = (end: 'src' | 'dst', rows: AttributeColumn['rows']): AttributeColumn => ({
    attribute: attribute.replace('{end}', end),
    rows,
    through,
    dictionary,
  });
  return withColumns(table, [column('src', src), column('dst', dst)]);
}

/** What the table says about an endpoint: undefined where it has no such attribute, or not by endpoint. */
export function endpointValues(table: FlowTable, attribute: EndpointAttribute): Derivation {
  const column = table.columns.get(attribute.replace('{end}', 'src'));
  if (column === undefined) return () => undefined;
  const { through, dictionary } = column;
  // Rows that were selected have codes of their own: what is by endpoint is told by what the codes stand for.
  if (through === undefined && dictionary !== table.ends.endpoints.addresses) return () => undefined;
  return (endpoint): AttributeValue | undefined =>
    dictionary.at(through === undefined ? endpoint : (through[endpoint] ?? ABSENT));
}

/** The endpoint of a row that an attribute describes; undefined for one that describes the flow. */
export function endpointOfAttribute({ ends }: FlowTable, row: number, attribute: string): number | undefined {
  const [, end] = /(?:^|\.)(src|dst)\./.exec(attribute) ?? [];
  return end === undefined ? undefined : ends[end as 'src' | 'dst'][row];
}

/** The dimensions in use, for whoever learns something about an address while no table is at hand. */
export interface LiveDimensions {
  /** To be told of the dimension of every table. */
  see(dimension: EndpointDimension): void;
  /** Every dimension that has this address, with its endpoint. */
  find(address: string): readonly (readonly [EndpointDimension, endpoint: number])[];
  /** The endpoint with this address is derived again with the next table, in every dimension that has it. */
  markDirty(address: string): void;
  /** Those that somebody still uses. */
  all(): readonly EndpointDimension[];
}

/** Holds dimensions weakly: one that no receiver and no table uses any more is forgotten. */
export function createLiveDimensions(): LiveDimensions {
  const known = new WeakSet<EndpointDimension>();
  let references: WeakRef<EndpointDimension>[] = [];

  const all = () => references.flatMap((reference) => reference.deref() ?? []);
  const find: LiveDimensions['find'] = (address) =>
    all().flatMap((dimension) => {
      const endpoint = dimension.endpointOf(address);
      return endpoint === undefined ? [] : [[dimension, endpoint] as const];
    });

  return {
    see(dimension) {
      if (known.has(dimension)) return;
      known.add(dimension);
      references = references.filter((reference) => reference.deref() !== undefined);
      references.push(new WeakRef(dimension));
    },
    all,
    find,
    markDirty(address) {
      for (const [dimension, endpoint] of find(address)) dimension.markDirty(endpoint);
    },
  };
}

/** When each endpoint of a dimension is to be looked at again. */
export interface DueTimes {
  /** Infinity: not before it is marked dirty. */
  set(endpoint: number, dueMs: number): void;
  /** Marks the endpoints of the table's rows dirty whose time has come. */
  markDue(table: FlowTable, nowMs: number): void;
}

export function createDueTimes(): DueTimes {
  let due = new Float64Array(0);
  let soonestMs = Infinity;
  return {
    set(endpoint, dueMs) {
      if (endpoint >= due.length) {
        const grown = new Float64Array(Math.max(endpoint + 1, 2 * due.length)).fill(Infinity);
        grown.set(due);
        due = grown;
      }
      due[endpoint] = dueMs;
      soonestMs = Math.min(soonestMs, dueMs);
    },
    markDue({ rows, ends: { endpoints, src, dst } }, nowMs) {
      if (nowMs < soonestMs) return;
      for (const codes of [src, dst]) {
        for (let row = 0; row < rows; row++) {
          const endpoint = codes[row]!;
          if (!(due[endpoint]! <= nowMs)) continue;
          due[endpoint] = Infinity;
          endpoints.markDirty(endpoint);
        }
      }
      soonestMs = due.reduce((soonest, dueMs) => Math.min(soonest, dueMs), Infinity);
    },
  };
}
