/** Builds tables for tests from plain rows, and reads points back as plain values. */

import { addressText, parseAddress } from './address.ts';
import { ABSENT, type AttributeColumn, type AttributeValue } from './dictionary.ts';
import { EndpointDimension } from './dimension.ts';
import { createFlowTables } from './flow-columns.ts';
import type { FlowTable, NamingPreset } from './flow-table.ts';
import type { MetricTable } from './metric-table.ts';
import type { Resource, Scope, TimeWindow } from './resource.ts';
import type { SeriesIndex } from './series-index.ts';
import { ValueList } from './value-list.ts';

export const SECOND_NS = 1_000_000_000n;

export const testResource: Resource = { attributes: { 'service.name': 'weir' } };
export const testScope: Scope = { name: 'weir', version: '0.1.0' };

/** Attributes by name (an address that is no address stands for one made up), and the two measures; an attribute that is undefined or missing is absent. */
export interface TestRow {
  readonly bytes: number;
  readonly packets: number;
  readonly [attribute: string]: AttributeValue | undefined;
}

export interface TestTableOptions {
  readonly window?: TimeWindow;
  readonly metricNames?: readonly NamingPreset[];
  readonly everyInterface?: boolean;
  /** Makes a column of this attribute even when no row has it. */
  readonly attributes?: readonly string[];
}

/** One a test: its dictionaries stay over the windows, as a receiver's do. `exists` by attribute: see Dictionary. */
export function createTestTables(
  exists: Readonly<Record<string, (value: AttributeValue) => boolean>> = {},
): (rows: readonly TestRow[], options?: TestTableOptions) => FlowTable {
  const dictionaries = new Map<string, ValueList>();
  const endpoints = new EndpointDimension();
  const endpointOf = new Map<AttributeValue | undefined, number>();

  function endsOf(rows: readonly TestRow[], attribute: string): Uint32Array {
    return Uint32Array.from(rows, ({ [attribute]: address }) => {
      const known = endpointOf.get(address);
      if (known !== undefined) return known;
      endpointOf.set(address, endpoints.size);
      endpoints.append(parseAddress(`${address}`) ?? parseAddress(`fd00::${endpoints.size.toString(16)}`)!);
      return endpoints.size - 1;
    });
  }

  function dictionaryOf(attribute: string): ValueList {
    let dictionary = dictionaries.get(attribute);
    if (dictionary === undefined) {
      dictionary = new ValueList();
      const [values, known] = [dictionary, exists[attribute]];
      if (known !== undefined) values.exists = (code) => known(values.at(code)!);
      dictionaries.set(attribute, dictionary);
    }
    return dictionary;
  }

  return (rows, options = {}) => {
    const present = new Set([...(options.attributes ?? []), ...rows.flatMap((row) => Object.keys(row))]);
    present.delete('bytes');
    present.delete('packets');
    const columns = Array.from(present, (attribute): AttributeColumn => {
      const dictionary = dictionaryOf(attribute);
      return { attribute, rows: Uint32Array.from(rows, (row) => dictionary.code(row[attribute])), dictionary };
    });
    return {
      kind: 'flows',
      rows: rows.length,
      window: options.window ?? { startNs: 0n, endNs: 5n * SECOND_NS },
      resource: testResource,
      scope: testScope,
      metricNames: options.metricNames ?? ['beyla'],
      everyInterface: options.everyInterface ?? false,
      ends: { endpoints, src: endsOf(rows, 'src.address'), dst: endsOf(rows, 'dst.address') },
      columns: new Map(columns.map((column) => [column.attribute, column])),
      measures: {
        bytes: Float64Array.from(rows, ({ bytes }) => bytes),
        packets: Float64Array.from(rows, ({ packets }) => packets),
      },
    };
  };
}

/** A flow between two addresses: by default a TCP request from port 40000 to port 443. */
export interface TestFlow {
  readonly src: string;
  readonly dst: string;
  /** Default 1 of each. */
  readonly bytes?: number;
  readonly packets?: number;
  readonly srcPort?: number;
  readonly dstPort?: number;
  /** IP protocol number. */
  readonly protocol?: number;
  /** Default 1: the source. 2: the destination, so this is an answer; 0: not known. */
  readonly initiator?: 0 | 1 | 2;
  /** What the packets show in place of the true ends: address, perhaps with a port behind a blank. */
  readonly shown?: { readonly src?: string; readonly dst?: string };
  /** What the client turned to in place of the end that answers; absent: as the packets show it. */
  readonly dialled?: string;
}

const FIRST_WINDOW: TimeWindow = { startNs: 0n, endNs: 5n * SECOND_NS };

/** One a test: tables as a receiver makes them, of one dimension that grows with their addresses. */
export function createTestFlows(
  endpoints = new EndpointDimension(),
): (flows: readonly TestFlow[], window?: TimeWindow) => FlowTable {
  const toFlowTable = createFlowTables();
  const endpointOf = (address: string) => {
    const bytes = parseAddress(address);
    if (bytes === undefined) throw new Error(`${address} is no address`);
    const known = endpoints.endpointOf(addressText(bytes, 0));
    if (known === undefined) endpoints.append(bytes);
    return known ?? endpoints.size - 1;
  };
  const shownAs = (text: string | undefined, port: number) => {
    const [address, shownPort = port] = text?.split(' ') ?? [];
    return { endpoint: address === undefined ? ABSENT : endpointOf(address), port: Number(shownPort) };
  };
  return (flows, window = FIRST_WINDOW) => {
    const translated = flows.flatMap(({ shown, srcPort = 40_000, dstPort = 443, initiator, dialled }, row) => {
      if (shown === undefined && dialled === undefined) return [];
      const [wanted, port] = initiator === 2 ? [shown?.src, srcPort] : [shown?.dst, dstPort];
      const ends = { src: shownAs(shown?.src, srcPort), dst: shownAs(shown?.dst, dstPort) };
      return [{ row, ...ends, dialled: shownAs(dialled ?? wanted, port) }];
    });
    return toFlowTable({
      rows: flows.length,
      window,
      resource: testResource,
      scope: testScope,
      metricNames: ['beyla'],
      interfaceNames: new Map(),
      agentAddress: undefined,
      sampling: 1,
      flows: {
        src: Uint32Array.from(flows, ({ src }) => endpointOf(src)),
        dst: Uint32Array.from(flows, ({ dst }) => endpointOf(dst)),
        srcPort: Uint16Array.from(flows, ({ srcPort = 40_000 }) => srcPort),
        dstPort: Uint16Array.from(flows, ({ dstPort = 443 }) => dstPort),
        transport: Uint8Array.from(flows, ({ protocol = 6 }) => protocol),
        direction: new Uint8Array(flows.length),
        iface: new Uint16Array(flows.length),
        initiator: Uint8Array.from(flows, ({ initiator = 1 }) => initiator),
        guessed: new Uint8Array(flows.length),
        tunnel: new Uint8Array(flows.length),
        bytes: Float64Array.from(flows, ({ bytes = 1 }) => bytes),
        packets: Float64Array.from(flows, ({ packets = 1 }) => packets),
      },
      translations: {
        count: translated.length,
        of: {
          natRow: Uint32Array.from(translated, ({ row }) => row),
          natSrc: Uint32Array.from(translated, ({ src }) => src.endpoint),
          natDst: Uint32Array.from(translated, ({ dst }) => dst.endpoint),
          natSrcPort: Uint16Array.from(translated, ({ src }) => src.port),
          natDstPort: Uint16Array.from(translated, ({ dst }) => dst.port),
          natDialled: Uint32Array.from(translated, ({ dialled }) => dialled.endpoint),
          natDialledPort: Uint16Array.from(translated, ({ dialled }) => dialled.port),
        },
      },
      endpoints,
    });
  };
}

/** One value a row; undefined where the table does not have the attribute, or the row. */
export function valuesOf({ columns, rows: length }: FlowTable, attribute: string): (AttributeValue | undefined)[] {
  const column = columns.get(attribute);
  return Array.from({ length }, (_, row) => {
    const code = column?.rows[row] ?? ABSENT;
    return column?.dictionary.at(column.through === undefined ? code : (column.through[code] ?? ABSENT));
  });
}

/** The attributes of a series that are present, as text: equal exactly when they are equal, in any index. */
export function seriesKey({ columns }: SeriesIndex, id: number): string {
  const present = columns.flatMap(({ name, dictionary, codes }) => {
    const value = dictionary.at(codes[id]!);
    return value === undefined ? [] : [[name, value] as const];
  });
  return JSON.stringify(present.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The points of a table by the text of their attributes, such as `[["direction","request"]]`. */
export function pointsOf(table: MetricTable): ReadonlyMap<string, number> {
  return new Map([...table.ids].map((id, point) => [seriesKey(table.series, id), table.values[point]!]));
}

/** The start time of each point, by the same text. */
export function startsOf(table: MetricTable): ReadonlyMap<string, bigint> {
  const startOf = (point: number) => table.starts[table.startCodes?.[point] ?? 0]!;
  return new Map([...table.ids].map((id, point) => [seriesKey(table.series, id), startOf(point)]));
}
