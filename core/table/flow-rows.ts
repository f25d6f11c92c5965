/**
 * Makes FlowTables of rows that come with their attributes as values, such as points that were received or recorded.
 * Codes and endpoints mean the same in every table until an epoch ends.
 */

import { addressText, parseAddress } from './address.ts';
import { attributeOf } from './attributes.ts';
import { ABSENT, type AttributeColumn, type AttributeValue, type Dictionary, numbers } from './dictionary.ts';
import { EndpointDimension } from './dimension.ts';
import { withEndpointAttribute } from './endpoint-columns.ts';
import type { FlowMeasures, FlowTable } from './flow-table.ts';
import { protocolNames, protocolNumber } from './protocols.ts';
import { ValueList } from './value-list.ts';
import { withInterZone } from './zones.ts';

const INITIAL_ROWS = 256;

export type FlowRowsOrigin = Pick<FlowTable, 'window' | 'resource' | 'scope' | 'metricNames'>;

/** The rows of one table, until it is finished. */
export interface FlowRows {
  readonly size: number;
  /** Adds a row by names of the catalogue, others are left out; undefined when an end has no address. */
  append(values: Iterable<readonly [name: string, value: AttributeValue]>): number | undefined;
  /** Adds to a measure of a row. */
  add(row: number, measure: keyof FlowMeasures, value: number): void;
  /** Called once, at the end. */
  finish(origin: FlowRowsOrigin): FlowTable;
}

/** One column of rows; ABSENT where none was set. */
class Codes {
  #codes = new Uint32Array(INITIAL_ROWS).fill(ABSENT);

  set(row: number, code: number): void {
    if (row >= this.#codes.length) {
      const grown = new Uint32Array(Math.max(row + 1, 2 * this.#codes.length)).fill(ABSENT);
      grown.set(this.#codes);
      this.#codes = grown;
    }
    this.#codes[row] = code;
  }

  first(rows: number): Uint32Array {
    if (rows > this.#codes.length) this.set(rows - 1, ABSENT);
    return this.#codes.slice(0, rows);
  }
}

/** From values of an attribute to codes; undefined: the attribute cannot have such a value. */
interface Coder {
  readonly dictionary: Dictionary;
  code(value: AttributeValue): number | undefined;
}

/** What the tables of one epoch share. */
interface Epoch {
  readonly endpoints: EndpointDimension;
  readonly endpointOf: Map<string, number>;
  /** By attribute; an attribute that one table had is a column of every later one, so that selections stay the same. */
  readonly coders: Map<string, Coder>;
  /** Of endpoints whose name is not their address. */
  readonly names: Map<number, string>;
  readonly namesKey: object;
}

/** Told by the endpoints, whatever a row says. */
const ofEnds: ReadonlySet<string> = new Set(['src.address', 'dst.address', 'network.type']);

/** One a receiver. */
export function createFlowRows(): () => FlowRows {
  let epoch = beginEpoch(0);
  return () => {
    if (epoch.endpoints.full) epoch = beginEpoch(epoch.endpoints.epoch + 1);
    return beginRows(epoch);
  };
}

const beginEpoch = (number: number): Epoch => ({
  endpoints: new EndpointDimension(number),
  endpointOf: new Map(),
  coders: new Map(),
  names: new Map(),
  namesKey: {},
});

function beginRows(epoch: Epoch): FlowRows {
  const ends = { src: new Codes(), dst: new Codes() };
  const columns = new Map<string, Codes>();
  const measures = { bytes: [] as number[], packets: [] as number[] };
  let rows = 0;

  const set = (name: string, value: AttributeValue) => {
    const attribute = attributeOf(name);
    if (attribute === undefined || ofEnds.has(name)) return;
    const own = attribute.olderNameOf ?? name;
    const code = coderOf(epoch, own, attribute.type).code(value);
    if (code === undefined) return;
    const codes = columns.get(own) ?? new Codes();
    columns.set(own, codes);
    codes.set(rows, code);
  };

  return {
    get size() {
      return rows;
    },
    append(values) {
      const all = new Map(values);
      const src = endpointOf(epoch, all.get('src.address'));
      const dst = endpointOf(epoch, all.get('dst.address'));
      if (src === undefined || dst === undefined) return undefined;
      ends.src.set(rows, src);
      ends.dst.set(rows, dst);
      for (const [name, value] of all) set(name, value);
      measures.bytes.push(0);
      measures.packets.push(0);
      return rows++;
    },
    add(row, measure, value) {
      measures[measure][row]! += value;
    },
    finish(origin) {
      const src = ends.src.first(rows);
      const dst = ends.dst.first(rows);
      const made = [...epoch.coders].map(([attribute, { dictionary }]): readonly [string, AttributeColumn] => [
        attribute,
        { attribute, dictionary, rows: (columns.get(attribute) ?? new Codes()).first(rows) },
      ]);
      const table: FlowTable = {
        kind: 'flows',
        ...origin,
        rows,
        ends: { endpoints: epoch.endpoints, src, dst },
        columns: new Map([...columnsOfEnds(epoch, src, dst), ...made]),
        measures: { bytes: Float64Array.from(measures.bytes), packets: Float64Array.from(measures.packets) },
      };
      return withInterZone(withNames(table, epoch));
    },
  };
}

function endpointOf({ endpoints, endpointOf }: Epoch, address: AttributeValue | undefined): number | undefined {
  if (typeof address !== 'string') return undefined;
  const known = endpointOf.get(address);
  if (known !== undefined) return known;
  const bytes = parseAddress(address);
  if (bytes === undefined) return undefined;
  // An address may be written in several ways.
  const written = addressText(bytes, 0);
  const endpoint = endpointOf.get(written) ?? endpoints.size;
  if (endpoint === endpoints.size) endpoints.append(bytes);
  endpointOf.set(written, endpoint);
  endpointOf.set(address, endpoint);
  return endpoint;
}

function coderOf(epoch: Epoch, attribute: string, type: 'string' | 'int' | 'bool'): Coder {
  const known = epoch.coders.get(attribute) ?? makeCoder(epoch, attribute, type);
  epoch.coders.set(attribute, known);
  return known;
}

/** Some senders write numbers as texts, or the other way round. */
function makeCoder(epoch: Epoch, attribute: string, type: 'string' | 'int' | 'bool'): Coder {
  // Whoever follows a translated end looks for endpoints and ports, as the kernel's rows have them.
  if (attribute.endsWith('.nat.address')) {
    return { dictionary: epoch.endpoints.addresses, code: (value) => endpointOf(epoch, value) };
  }
  if (type === 'int') {
    const code = (value: AttributeValue) => {
      const number = Number(value);
      return Number.isInteger(number) && number >= 0 && number < ABSENT ? number : undefined;
    };
    return { dictionary: numbers, code };
  }
  const list = new ValueList();
  const isTransport = attribute === 'transport';
  const plain = type === 'bool' ? (value: AttributeValue) => value === true || value === 'true' : String;
  return { dictionary: list, code: (value) => list.code(isTransport ? transportOf(value) : plain(value)) };
}

/** Some presets write it in lower case. */
function transportOf(value: AttributeValue): string {
  const number = protocolNumber(String(value));
  return number === undefined ? String(value) : protocolNames[number]!;
}

function columnsOfEnds({ endpoints }: Epoch, src: Uint32Array, dst: Uint32Array) {
  const types = endpoints.networkTypes();
  const columns: readonly AttributeColumn[] = [
    { attribute: 'src.address', rows: src, dictionary: endpoints.addresses },
    { attribute: 'dst.address', rows: dst, dictionary: endpoints.addresses },
    { attribute: 'src.name', rows: src, dictionary: endpoints.addresses },
    { attribute: 'dst.name', rows: dst, dictionary: endpoints.addresses },
    { attribute: 'network.type', rows: src, through: types.codes, dictionary: types.dictionary },
  ];
  return columns.map((column) => [column.attribute, column] as const);
}

/**
 * Names are told by endpoint, as processors that name what has no name look for them, unless this table has two names
 * for one endpoint; without a name it is the address.
 */
function withNames(table: FlowTable, epoch: Epoch): FlowTable {
  const { endpoints, names, namesKey } = epoch;
  if (!epoch.coders.has('src.name') && !epoch.coders.has('dst.name')) return table;
  const seen = new Map<number, string>();
  for (const end of ['src', 'dst'] as const) {
    const column = table.columns.get(`${end}.name`)!;
    const given = column.rows !== table.ends[end];
    for (let row = 0; row < table.rows; row++) {
      const endpoint = table.ends[end][row]!;
      const address = String(endpoints.addresses.at(endpoint));
      const name = given ? String(column.dictionary.at(column.rows[row]!) ?? address) : address;
      const before = seen.get(endpoint);
      if (before !== undefined && before !== name) return table;
      if (before === undefined) seen.set(endpoint, name);
    }
  }
  for (const [endpoint, name] of seen) {
    const isAddress = name === endpoints.addresses.at(endpoint);
    if (isAddress ? !names.has(endpoint) : names.get(endpoint) === name) continue;
    if (isAddress) names.delete(endpoint);
    else names.set(endpoint, name);
    endpoints.markDirty(endpoint);
  }
  const column = endpoints.derive(namesKey, (endpoint) => names.get(endpoint) ?? endpoints.addresses.at(endpoint));
  return withEndpointAttribute(table, '{end}.name', column);
}
