/**
 * The Service that was dialled for each row: told from the address, port and protocol that the client's packets carried,
 * once for each of these that differ.
 */

import { type Answers, createAnswers, NONE, NOT_ASKED } from './dialled-answers.ts';
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
  const [names, namespaces, services] = [new ValueList(), new ValueList(), new ValueList()];
  /** Codes of the name and the namespace of each Service. */
  const [nameOf, namespaceOf]: [number[], number[]] = [[], []];

  function serviceCode({ name, namespace }: DialledService): number {
    const code = services.code(`${namespace}/${name}`);
    nameOf[code] = names.code(name);
    namespaceOf[code] = namespaces.code(namespace);
    return code;
  }

  let remembered = new WeakMap<EndpointDimension, Answers>();

  function rememberedIn(endpoints: EndpointDimension): Answers {
    const known = remembered.get(endpoints);
    if (known !== undefined && known.size < MAX_REMEMBERED) return known;
    const fresh = createAnswers();
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
      const protocolCode = protocolCodes[row]!;
      let answer = known.find(endpoint, port, protocolCode);
      if (answer === NOT_ASKED) {
        const service = serviceAt(endpoints, endpoint, port, String(protocols.dictionary.at(protocolCode)));
        answer = known.add(endpoint, port, protocolCode, service && serviceCode(service));
      }
      if (answer === NONE) continue;
      found.names[row] = nameOf[answer]!;
      found.namespaces[row] = namespaceOf[answer]!;
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
  const isClient: (boolean | undefined)[] = [];
  return (row) => {
    const code = rows[row]!;
    if (code === ABSENT) return false;
    isClient[code] ??= dictionary.at(code) === clientSends;
    return isClient[code];
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
