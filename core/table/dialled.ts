/**
 * The Service that was dialled for each row: told from the address, port and protocol that the client's packets carried,
 * once for each of these that differ.
 */

import { ABSENT, type AttributeColumn, type CodeArray, lazyColumn, numbers } from './dictionary.ts';
import type { EndpointDimension } from './dimension.ts';
import { withColumns } from './endpoint-columns.ts';
import { DIALLED_ADDRESS, DIALLED_PORT } from './flow-columns.ts';
import type { FlowTable } from './flow-table.ts';
import { ValueList } from './value-list.ts';

export interface DialledService {
  readonly name: string;
  readonly namespace: string;
}

export interface DialledOptions {
  /** The Service at an endpoint's address; undefined: none. */
  serviceAt(endpoints: EndpointDimension, endpoint: number, port: number, protocol: string): DialledService | undefined;
}

/** Answers for more addresses, ports and protocols than this are forgotten, all at once. */
const MAX_REMEMBERED = 1 << 18;

export const dialledAttributes = [
  'k8s.src.service.name',
  'k8s.dst.service.name',
  'k8s.src.service.namespace',
  'k8s.dst.service.namespace',
] as const;

/** What was dialled, as codes of names and of namespaces. */
interface Codes {
  readonly names: Uint32Array;
  readonly namespaces: Uint32Array;
}

export interface Dialled {
  /** The table with the attributes above. Only the end that answers was dialled: of a request the destination. */
  add(table: FlowTable): FlowTable;
  /** What was answered before may be wrong now. */
  forget(): void;
}

/** One a processor. Nothing is asked before somebody reads one of the columns. */
export function createDialled({ serviceAt }: DialledOptions): Dialled {
  const [names, namespaces] = [new ValueList(), new ValueList()];
  /** By endpoint, port and protocol; in pairs of codes. */
  let remembered = new WeakMap<EndpointDimension, Map<number, readonly [number, number]>>();

  function rememberedIn(endpoints: EndpointDimension): Map<number, readonly [number, number]> {
    const known = remembered.get(endpoints);
    if (known !== undefined && known.size < MAX_REMEMBERED) return known;
    const fresh = new Map<number, readonly [number, number]>();
    remembered.set(endpoints, fresh);
    return fresh;
  }

  function codesOf(table: FlowTable, end: 'src' | 'dst'): Codes {
    const { rows, ends } = table;
    const found = { names: new Uint32Array(rows).fill(ABSENT), namespaces: new Uint32Array(rows).fill(ABSENT) };
    const ports = table.columns.get(`${end}.port`);
    const protocols = table.columns.get('transport');
    if (ports?.dictionary !== numbers || protocols === undefined) return found;
    const { endpoints } = ends;
    const known = rememberedIn(endpoints);
    const notDialled = rowsOfTheOtherWay(table, end);
    const dialled = dialledElsewhere(table) ?? shownAt(table, end);
    const { rows: portCodes } = ports;
    const { rows: protocolCodes } = protocols;
    for (let row = 0; row < rows; row++) {
      if (notDialled?.(row)) continue;
      const elsewhere = dialled?.addresses[row] ?? ABSENT;
      const endpoint = elsewhere === ABSENT ? ends[end][row]! : elsewhere;
      const portElsewhere = elsewhere === ABSENT ? ABSENT : (dialled?.ports?.[row] ?? ABSENT);
      const port = portElsewhere === ABSENT ? portCodes[row]! : portElsewhere;
      if (port === ABSENT) continue;
      // Below 2^53 for 2^21 endpoints.
      const key = (endpoint * 65_536 + port) * 65_536 + (protocolCodes[row]! & 0xffff);
      let codes = known.get(key);
      if (codes === undefined) {
        const protocol = String(protocols.dictionary.at(protocolCodes[row]!));
        const service = serviceAt(endpoints, endpoint, port, protocol);
        codes = [names.code(service?.name), namespaces.code(service?.namespace)];
        known.set(key, codes);
      }
      found.names[row] = codes[0];
      found.namespaces[row] = codes[1];
    }
    return found;
  }

  return {
    add(table) {
      const columns = (['src', 'dst'] as const).flatMap((end): AttributeColumn[] => {
        let codes: Codes | undefined;
        const read = () => {
          codes ??= codesOf(table, end);
          return codes;
        };
        return [
          lazyColumn({ attribute: `k8s.${end}.service.name`, dictionary: names }, () => read().names),
          lazyColumn({ attribute: `k8s.${end}.service.namespace`, dictionary: namespaces }, () => read().namespaces),
        ];
      });
      return withColumns(table, columns);
    },
    forget() {
      remembered = new WeakMap();
    },
  };
}

/** Rows of which this end is known to be the client's; undefined: of none. */
function rowsOfTheOtherWay(table: FlowTable, end: 'src' | 'dst'): ((row: number) => boolean) | undefined {
  const column = table.columns.get('direction');
  if (column === undefined) return undefined;
  const { rows, dictionary } = column;
  const clientSends = end === 'src' ? 'request' : 'response';
  const isClient = new Map<number, boolean>();
  return (row) => {
    const code = rows[row]!;
    let answer = isClient.get(code);
    if (answer === undefined) {
      answer = dictionary.at(code) === clientSends;
      isClient.set(code, answer);
    }
    return answer;
  };
}

interface Elsewhere {
  readonly addresses: CodeArray;
  readonly ports: CodeArray | undefined;
}

/** What the client turned to where another end answers, as endpoints and ports; undefined where the table does not say. */
function dialledElsewhere({ columns, ends }: FlowTable): Elsewhere | undefined {
  const addresses = columns.get(DIALLED_ADDRESS);
  if (addresses?.dictionary !== ends.endpoints.addresses) return undefined;
  return { addresses: addresses.rows, ports: columns.get(DIALLED_PORT)?.rows };
}

/** The same as far as the packets show it in place of this end: of flows that another agent counted. */
function shownAt({ columns, ends }: FlowTable, end: 'src' | 'dst'): Elsewhere | undefined {
  const addresses = columns.get(`${end}.nat.address`);
  if (addresses?.dictionary !== ends.endpoints.addresses) return undefined;
  const ports = columns.get(`${end}.nat.port`);
  return { addresses: addresses.rows, ports: ports?.dictionary === numbers ? ports.rows : undefined };
}
