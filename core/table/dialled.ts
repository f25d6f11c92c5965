/**
 * The Service that was dialled for each row: told from the address, port and protocol that the client's packets carried,
 * once for each of these that differ.
 */

import { CodePairs, NOT_FOUND } from './code-pairs.ts';
import { ABSENT, type AttributeColumn, type CodeArray, lazyColumn, numbers } from './dictionary.ts';
import type { EndpointDimension } from './dimension.ts';
import { withColumns } from './endpoint-columns.ts';
import { DIALLED_ADDRESS, DIALLED_PORT } from './flow-columns.ts';
import type { FlowTable } from './flow-table.ts';
import { BLOCK_ROWS } from './series-index.ts';
import { ValueList } from './value-list.ts';

export interface DialledService {
  readonly name: string;
  readonly namespace: string;
}

export interface DialledOptions {
  /** The Service at an endpoint's address; undefined: none. */
  serviceAt(endpoints: EndpointDimension, endpoint: number, port: number, protocol: string): DialledService | undefined;
}

/** The answer that there is no Service; others are the code of the Service + 1. */
const NONE = 0;

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
  const [names, namespaces, services] = [new ValueList(), new ValueList(), new ValueList()];
  /** Codes of the name and the namespace of each Service. */
  const [nameOf, namespaceOf]: [number[], number[]] = [[], []];

  function serviceCode({ name, namespace }: DialledService): number {
    const code = services.code(`${namespace}/${name}`);
    nameOf[code] = names.code(name);
    namespaceOf[code] = namespaces.code(namespace);
    return code;
  }

  /** Answers by endpoint, and port and protocol. */
  let remembered = new WeakMap<EndpointDimension, CodePairs>();

  function rememberedIn(endpoints: EndpointDimension): CodePairs {
    const known = remembered.get(endpoints);
    if (known !== undefined && known.size < MAX_REMEMBERED) return known;
    const fresh = new CodePairs();
    remembered.set(endpoints, fresh);
    return fresh;
  }

  const dialling = createDialling();
  const answers = new Uint32Array(BLOCK_ROWS);
  const missing = new Uint32Array(BLOCK_ROWS);

  function codesOf(table: FlowTable, end: 'src' | 'dst'): Codes {
    const { rows, ends } = table;
    const found = { names: new Uint32Array(rows).fill(ABSENT), namespaces: new Uint32Array(rows).fill(ABSENT) };
    const protocols = table.columns.get('transport')?.dictionary;
    const read = protocols && dialling.reader(table, end);
    if (read === undefined) return found;
    const { firsts, seconds, rowOf } = dialling;
    const { endpoints } = ends;
    const known = rememberedIn(endpoints);
    for (let from = 0; from < rows; from += BLOCK_ROWS) {
      const count = read(from, Math.min(from + BLOCK_ROWS, rows));
      const unknown = known.findBlock(firsts, seconds, count, answers, 0, missing);
      for (let m = 0; m < unknown; m++) {
        const i = missing[m]!;
        const [endpoint, service] = [firsts[i]!, seconds[i]!];
        let answer = known.find(endpoint, service);
        if (answer === NOT_FOUND) {
          const one = serviceAt(endpoints, endpoint, service >>> 16, String(protocols?.at(service & 0xffff)));
          answer = one === undefined ? NONE : serviceCode(one) + 1;
          known.set(endpoint, service, answer);
        }
        answers[i] = answer;
      }
      for (let i = 0; i < count; i++) {
        const answer = answers[i]!;
        if (answer === NONE) continue;
        found.names[rowOf[i]!] = nameOf[answer - 1]!;
        found.namespaces[rowOf[i]!] = namespaceOf[answer - 1]!;
      }
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

interface Dialling {
  /** What was dialled, of up to BLOCK_ROWS rows: the endpoint, and the port with the protocol's code in the lower half. */
  readonly firsts: Int32Array;
  readonly seconds: Int32Array;
  /** Which rows these are. */
  readonly rowOf: Uint32Array;
  /**
   * Gives what writes these arrays for the rows from one to before another, and says how many of these were dialled at
   * all. Undefined where the table does not have what is needed.
   */
  reader(table: FlowTable, end: 'src' | 'dst'): ((from: number, to: number) => number) | undefined;
}

function createDialling(): Dialling {
  const [firsts, seconds] = [new Int32Array(BLOCK_ROWS), new Int32Array(BLOCK_ROWS)];
  const rowOf = new Uint32Array(BLOCK_ROWS);

  function reader(table: FlowTable, end: 'src' | 'dst') {
    const ports = table.columns.get(`${end}.port`);
    const protocols = table.columns.get('transport')?.rows;
    if (ports?.dictionary !== numbers || protocols === undefined) return undefined;
    const endpoints = table.ends[end];
    const shownPorts = ports.rows;
    const elsewhere = dialledElsewhere(table) ?? shownAt(table, end);
    const [addresses, portsElsewhere] = [elsewhere?.addresses, elsewhere?.ports];
    const direction = table.columns.get('direction');
    const roles = direction?.rows;
    /** Of rows of which this end is known to be the client's; until a row has it, -1. */
    let clients = -1;
    let other = -1;
    const isClients = (role: number) => {
      if (clients >= 0 || role === other) return role === clients;
      if (direction?.dictionary.at(role) === (end === 'src' ? 'request' : 'response')) clients = role;
      else other = role;
      return role === clients;
    };
    return (from: number, to: number) => {
      let count = 0;
      for (let row = from; row < to; row++) {
        if (roles !== undefined && isClients(roles[row]!)) continue;
        let endpoint = endpoints[row]!;
        let port = shownPorts[row]!;
        if (addresses !== undefined && addresses[row] !== ABSENT) {
          endpoint = addresses[row]!;
          if (portsElsewhere !== undefined && portsElsewhere[row] !== ABSENT) port = portsElsewhere[row]!;
        }
        if (port === ABSENT) continue;
        firsts[count] = endpoint;
        seconds[count] = (port << 16) | (protocols[row]! & 0xffff);
        rowOf[count++] = row;
      }
      return count;
    };
  }

  return { firsts, seconds, rowOf, reader };
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
