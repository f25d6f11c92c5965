/**
 * Makes a FlowTable of the raw rows that a receiver collected. Columns are views where the raw codes serve as they are;
 * the others are computed when first read, so an attribute that nobody selects costs nothing.
 */

import {
  ABSENT,
  type AttributeColumn,
  type CodeArray,
  type Dictionary,
  lazyColumn,
  listDictionary,
  numbers,
} from './dictionary.ts';
import type { EndpointDimension } from './dimension.ts';
import type { FlowTable } from './flow-table.ts';
import { hasPorts, protocols } from './protocols.ts';
import { tunnelKindNames } from './tunnel-kinds.ts';
import { ValueList } from './value-list.ts';

/** At least as many elements as there are rows. */
export interface RawFlows {
  /** Codes of the dimension. */
  readonly src: Uint32Array;
  readonly dst: Uint32Array;
  /** Host byte order; not a port where the protocol has none. */
  readonly srcPort: Uint16Array;
  readonly dstPort: Uint16Array;
  /** IP protocol number. */
  readonly transport: Uint8Array;
  /** 0 ingress, 1 egress, of the interface. */
  readonly direction: Uint8Array;
  /** Lower 16 bits of the interface index. */
  readonly iface: Uint16Array;
  /** Who opened the connection: 0 unknown, 1 the source, 2 the destination. */
  readonly initiator: Uint8Array;
  /** 1: that was told by the ports. */
  readonly guessed: Uint8Array;
  /** Position in tunnelKinds. */
  readonly tunnel: Uint8Array;
  readonly bytes: Float64Array;
  readonly packets: Float64Array;
}

/** At least `count` elements each. */
export interface RawTranslations {
  /** Rows whose packets show other ends than the true ones, or whose client dialled another. */
  readonly natRow: Uint32Array;
  /** Codes of the dimension: what the packets show; ABSENT where that is the true end. */
  readonly natSrc: Uint32Array;
  readonly natDst: Uint32Array;
  readonly natSrcPort: Uint16Array;
  readonly natDstPort: Uint16Array;
  /** Code of the dimension: what the client turned to, in answers as well; ABSENT where that is the end that answers. */
  readonly natDialled: Uint32Array;
  readonly natDialledPort: Uint16Array;
}

export interface FlowTableInput
  extends Pick<
    FlowTable,
    'rows' | 'window' | 'resource' | 'scope' | 'metricNames' | 'features' | 'everyInterface' | 'carriers'
  > {
  readonly flows: RawFlows;
  /** Absent: all packets show the true ends. */
  readonly translations?: { readonly count: number; readonly of: RawTranslations };
  readonly endpoints: EndpointDimension;
  /** By the lower 16 bits of the interface index. */
  readonly interfaceNames: ReadonlyMap<number, string>;
  /** Text of the agent's own address; undefined when it has none. */
  readonly agentAddress: string | undefined;
  /** One packet in this many was counted, and the measures are scaled by it; 1: all. */
  readonly sampling: number;
}

/** The attributes of the tables made here. */
export const flowAttributes = [
  'src.address',
  'dst.address',
  'src.name',
  'dst.name',
  'src.port',
  'dst.port',
  'client.port',
  'server.port',
  'transport',
  'network.type',
  'direction',
  'direction.guessed',
  'iface',
  'iface.direction',
  'beyla.ip',
  'src.nat.address',
  'dst.nat.address',
  'src.nat.port',
  'dst.nat.port',
  'tunnel',
  'sampling.ratio',
] as const;

/**
 * Columns beside the attributes, for processors: the address and port that the client of a connection turned to, where
 * connection tracking knows that another end answers. Unlike `dst.nat.address` it is there for answers, too, and where
 * the packets are counted after they were translated.
 */
export const DIALLED_ADDRESS = 'dialled.address';
export const DIALLED_PORT = 'dialled.port';

const roles = listDictionary(['unknown', 'request', 'response']);
const trueOrAbsent = listDictionary([undefined, true]);
const ifaceDirections = listDictionary(['ingress', 'egress']);
const INITIATOR_SOURCE = 1;
const INITIATOR_DESTINATION = 2;

/**
 * One a receiver: it keeps the dictionaries of interface names and agent addresses, so that codes mean the same in every
 * window. The tables read from the raw arrays: they hold until the next collect writes there, and who keeps rows for
 * longer copies them.
 */
export function createFlowTables(): (input: FlowTableInput) => FlowTable {
  const interfaces = new ValueList();
  const agents = new ValueList();

  return (input) => {
    const { flows, translations: _, endpoints, interfaceNames, agentAddress, sampling, ...table } = input;
    const { rows } = table;
    const view = (codes: CodeArray) => codes.subarray(0, rows);
    const src = view(flows.src);
    const dst = view(flows.dst);
    const networkTypes = endpoints.networkTypes();
    const agent = agents.code(agentAddress);
    const columns: readonly AttributeColumn[] = [
      { attribute: 'src.address', rows: src, dictionary: endpoints.addresses },
      { attribute: 'dst.address', rows: dst, dictionary: endpoints.addresses },
      { attribute: 'src.name', rows: src, dictionary: endpoints.addresses },
      { attribute: 'dst.name', rows: dst, dictionary: endpoints.addresses },
      lazyColumn({ attribute: 'src.port', dictionary: numbers }, () => portsOf(flows, flows.srcPort, rows)),
      lazyColumn({ attribute: 'dst.port', dictionary: numbers }, () => portsOf(flows, flows.dstPort, rows)),
      lazyColumn({ attribute: 'client.port', dictionary: numbers }, () =>
        portsByRole(flows, rows, INITIATOR_SOURCE, INITIATOR_DESTINATION),
      ),
      lazyColumn({ attribute: 'server.port', dictionary: numbers }, () =>
        portsByRole(flows, rows, INITIATOR_DESTINATION, INITIATOR_SOURCE),
      ),
      { attribute: 'transport', rows: view(flows.transport), dictionary: protocols },
      { attribute: 'network.type', rows: src, through: networkTypes.codes, dictionary: networkTypes.dictionary },
      { attribute: 'direction', rows: view(flows.initiator), dictionary: roles },
      { attribute: 'direction.guessed', rows: view(flows.guessed), dictionary: trueOrAbsent },
      lazyColumn({ attribute: 'iface', dictionary: interfaces }, () =>
        interfacesOf(flows.iface, rows, interfaceNames, interfaces),
      ),
      { attribute: 'iface.direction', rows: view(flows.direction), dictionary: ifaceDirections },
      lazyColumn({ attribute: 'beyla.ip', dictionary: agents }, () => new Uint32Array(rows).fill(agent)),
      ...wireColumns(input, endpoints.addresses),
      { attribute: 'tunnel', rows: view(flows.tunnel), dictionary: tunnelKindNames },
      lazyColumn({ attribute: 'sampling.ratio', dictionary: numbers }, () =>
        new Uint32Array(rows).fill(sampling > 1 ? sampling : ABSENT),
      ),
    ];
    return {
      kind: 'flows',
      ...table,
      ends: { endpoints, src, dst },
      columns: new Map(columns.map((column) => [column.attribute, column])),
      measures: { bytes: flows.bytes.subarray(0, rows), packets: flows.packets.subarray(0, rows) },
    };
  };
}

/** Two zeros are a fragment or a packet cut short, not ports. */
function havePorts({ transport, srcPort, dstPort }: RawFlows, row: number): boolean {
  return hasPorts[transport[row]!] === 1 && (srcPort[row]! | dstPort[row]!) !== 0;
}

function portsOf(flows: RawFlows, ports: Uint16Array, rows: number): Uint32Array {
  const codes = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) codes[row] = havePorts(flows, row) ? ports[row]! : ABSENT;
  return codes;
}

/** The port of one role: the source's where the initiator is `asSource`, the destination's where `asDestination`. */
function portsByRole(flows: RawFlows, rows: number, asSource: number, asDestination: number): Uint32Array {
  const codes = new Uint32Array(rows).fill(ABSENT);
  for (let row = 0; row < rows; row++) {
    if (!havePorts(flows, row)) continue;
    if (flows.initiator[row] === asSource) codes[row] = flows.srcPort[row]!;
    else if (flows.initiator[row] === asDestination) codes[row] = flows.dstPort[row]!;
  }
  return codes;
}

/** What the packets show in place of a true end; the port also where it is the same. */
function wireColumns(
  { flows, rows, translations }: Pick<FlowTableInput, 'flows' | 'rows' | 'translations'>,
  addresses: Dictionary,
): readonly AttributeColumn[] {
  const scatter = (end: 'natSrc' | 'natDst' | 'natDialled', port?: `${typeof end}Port`) => {
    const codes = new Uint32Array(rows).fill(ABSENT);
    if (translations === undefined) return codes;
    const { count, of } = translations;
    for (let at = 0; at < count; at++) {
      const row = of.natRow[at]!;
      if (port === undefined) codes[row] = of[end][at]!;
      else if (of[end][at] !== ABSENT && havePorts(flows, row)) codes[row] = of[port][at]!;
    }
    return codes;
  };
  return [
    lazyColumn({ attribute: 'src.nat.address', dictionary: addresses }, () => scatter('natSrc')),
    lazyColumn({ attribute: 'dst.nat.address', dictionary: addresses }, () => scatter('natDst')),
    lazyColumn({ attribute: 'src.nat.port', dictionary: numbers }, () => scatter('natSrc', 'natSrcPort')),
    lazyColumn({ attribute: 'dst.nat.port', dictionary: numbers }, () => scatter('natDst', 'natDstPort')),
    lazyColumn({ attribute: DIALLED_ADDRESS, dictionary: addresses }, () => scatter('natDialled')),
    lazyColumn({ attribute: DIALLED_PORT, dictionary: numbers }, () => scatter('natDialled', 'natDialledPort')),
  ];
}

/** Two interfaces may have had the same name one after the other: the code is the name's, not the index. */
function interfacesOf(
  indexes: Uint16Array,
  rows: number,
  names: ReadonlyMap<number, string>,
  interfaces: ValueList,
): Uint32Array {
  const codeOfIndex = new Uint32Array(1 << 16).fill(ABSENT);
  for (const [index, name] of names) codeOfIndex[index] = interfaces.code(name);
  const codes = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) codes[row] = codeOfIndex[indexes[row]!]!;
  return codes;
}
