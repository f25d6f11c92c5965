/**
 * Which rows go on from here, by who their two ends are and where they run: whether this agent reports a flow or the one
 * of another node, and what is held back or dropped.
 */

import type { FilteredRows } from '../../core/component/define.ts';
import type { Identity } from '../../core/kubernetes/identity.ts';
import { ABSENT } from '../../core/table/dictionary.ts';
import type { EndpointDimension } from '../../core/table/dimension.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { decisionTable, partRows } from '../../core/table/row-fates.ts';
import { placesOf, selectRows } from '../../core/table/select-rows.ts';
import type { FlowConfig } from './config.ts';
import type { Presence } from './presence.ts';

/** Kinds of endpoints. */
const UNKNOWN = 0;
/** Not known yet, and perhaps soon. */
const AWAITED = 1;
/** Known, and on no node that has an agent. */
const KNOWN = 2;
/** On another node that has an agent. */
const ELSEWHERE = 3;
const OWN_NODE = 4;
const KINDS = 5;

/** Fates of rows. */
const STAYS = 0;
const HELD = 1;
const EXTERNAL = 2;
const REPORTED_ELSEWHERE = 3;

export interface SortedRows {
  /** Those that go on now, and those that were filtered. */
  readonly made: readonly (FlowTable | FilteredRows)[];
  /** Rows of the table that are to be held back; undefined: none. */
  readonly held: Uint32Array | undefined;
}

export interface Sorting {
  /** Who an endpoint is; `awaited`: nobody yet. */
  note(dimension: EndpointDimension, endpoint: number, identity: Identity | undefined, awaited: boolean): void;
  /** An endpoint is waited for no longer. */
  giveUp(dimension: EndpointDimension, endpoint: number): void;
  isAwaited(dimension: EndpointDimension, endpoint: number): boolean;
  /** Which nodes have an agent, or the own one, has changed. */
  presenceChanged(): void;
  /** `mayHold` false: what is awaited counts as unknown. */
  sort(table: FlowTable, mayHold: boolean): SortedRows;
  /** Why a row does not go on; undefined: it does. */
  reasonOf(table: FlowTable, row: number): string | undefined;
  /** How many rows of the table have an end that is not known. */
  unknownIn(table: FlowTable): number;
}

interface Kinds {
  kinds: Uint8Array;
  /** Node of each endpoint. */
  nodes: (string | undefined)[];
  /** Of the presence that the kinds are told by. */
  presence: number;
}

type SortingConfig = Pick<FlowConfig, 'drop_external' | 'observer'>;

const isUnknown = (kind: number) => kind === UNKNOWN || kind === AWAITED;

/**
 * Two agents see a flow between their nodes. `near` is the end whose node reports it; what no agent sees there, the node
 * of the other end reports. A node in between leaves it to that one, unless it was itself addressed and translated the
 * packets: behind it they carry its own address, so they are its flow for the other.
 */
function isReportedElsewhere(near: number, far: number, translated: boolean): boolean {
  if (near === OWN_NODE) return false;
  if (near === ELSEWHERE) return true;
  return far === ELSEWHERE && !translated;
}

export function createSorting(
  { drop_external, observer }: SortingConfig,
  presence: Pick<Presence, 'agents' | 'where'>,
): Sorting {
  const known = new WeakMap<EndpointDimension, Kinds>();
  let presenceVersion = 0;

  function fate(src: number, dst: number, translated: boolean, mayHold: boolean): number {
    const [near, far] = observer === 'destination' ? [dst, src] : [src, dst];
    // Whoever the other end is.
    if (observer !== 'both' && near === ELSEWHERE) return REPORTED_ELSEWHERE;
    if (mayHold && (src === AWAITED || dst === AWAITED)) return HELD;
    if (drop_external && (isUnknown(src) || isUnknown(dst))) return EXTERNAL;
    if (observer !== 'both' && isReportedElsewhere(near, far, translated)) return REPORTED_ELSEWHERE;
    return STAYS;
  }

  const decide = (mayHold: boolean) =>
    decisionTable(KINDS, (src, dst, translated) => fate(src, dst, translated, mayHold));
  const holding = decide(true);
  const notHolding = decide(false);
  const unknown = decisionTable(KINDS, (src, dst) => Number(isUnknown(src) || isUnknown(dst)));

  function kindOfNode(node: string | undefined): number {
    if (node === undefined || presence.agents === undefined) return KNOWN;
    if (node === presence.where.node) return OWN_NODE;
    return presence.agents.has(node) ? ELSEWHERE : KNOWN;
  }

  function kindsIn(dimension: EndpointDimension): Kinds {
    const ofDimension = known.get(dimension) ?? { kinds: new Uint8Array(0), nodes: [], presence: presenceVersion };
    known.set(dimension, ofDimension);
    const { kinds, nodes } = ofDimension;
    if (kinds.length < dimension.size) {
      ofDimension.kinds = new Uint8Array(Math.max(dimension.size, 2 * kinds.length));
      ofDimension.kinds.set(kinds);
    }
    if (ofDimension.presence !== presenceVersion) {
      for (const [endpoint, node] of nodes.entries()) {
        if (!isUnknown(ofDimension.kinds[endpoint]!)) ofDimension.kinds[endpoint] = kindOfNode(node);
      }
      ofDimension.presence = presenceVersion;
    }
    return ofDimension;
  }

  return {
    note(dimension, endpoint, identity, awaited) {
      const { kinds, nodes } = kindsIn(dimension);
      nodes[endpoint] = identity?.node?.name;
      if (identity !== undefined) kinds[endpoint] = kindOfNode(identity.node?.name);
      else kinds[endpoint] = awaited ? AWAITED : UNKNOWN;
    },
    giveUp(dimension, endpoint) {
      const { kinds } = kindsIn(dimension);
      if (kinds[endpoint] === AWAITED) kinds[endpoint] = UNKNOWN;
    },
    isAwaited: (dimension, endpoint) => kindsIn(dimension).kinds[endpoint] === AWAITED,
    presenceChanged() {
      presenceVersion++;
    },
    sort(table, mayHold) {
      const places = partRows(table, kindsIn(table.ends.endpoints).kinds, mayHold ? holding : notHolding);
      if (places === undefined) return { made: [table], held: undefined };
      const filtered = (fate: number, reason: FilteredRows['reason']): readonly FilteredRows[] =>
        places[fate]!.length === 0 ? [] : [{ kind: 'filtered', reason, places: placesOf(table, places[fate]!) }];
      return {
        made: [
          selectRows(table, places[STAYS]!),
          ...filtered(EXTERNAL, 'rule'),
          ...filtered(REPORTED_ELSEWHERE, 'counted_elsewhere'),
        ],
        held: places[HELD]!.length === 0 ? undefined : places[HELD],
      };
    },
    reasonOf({ ends: { src, dst, endpoints }, columns }, row) {
      const { kinds, nodes } = kindsIn(endpoints);
      const shown = columns.get('dst.nat.address')?.rows[row] ?? ABSENT;
      switch (fate(kinds[src[row]!]!, kinds[dst[row]!]!, shown !== ABSENT, false)) {
        case EXTERNAL:
          return 'an end is not known to Kubernetes (flow::drop_external)';
        case REPORTED_ELSEWHERE: {
          const ends = observer === 'destination' ? [dst, src] : [src, dst];
          const other = ends.map((end) => end[row]!).find((endpoint) => kinds[endpoint] === ELSEWHERE);
          return `the agent on ${nodes[other!]} reports it (flow::observer: ${observer})`;
        }
        default:
          return undefined;
      }
    },
    unknownIn: (table) => partRows(table, kindsIn(table.ends.endpoints).kinds, unknown)?.[1]?.length ?? 0,
  };
}
