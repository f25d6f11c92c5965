/**
 * Flows of addresses that should be of the cluster and are not known yet: they are held back once, until the addresses are
 * known or the time is over.
 */

import type { FromFlows, HeldRows, Host } from '../../core/component/define.ts';
import type { EndpointDimension } from '../../core/table/dimension.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { keepRows } from '../../core/table/select-rows.ts';

/** Rows that are held back at once; more go on as they are, and are counted. */
export const MAX_HELD_ROWS = 1 << 17;

/** How often it is looked whether the addresses are known. */
const LOOK_MS = 1000;

export interface HoldingOptions {
  /** How long the flows of an address are held back; 0: not at all. */
  readonly lateMs: number;
  /** Whether an endpoint that was awaited still is not known now. */
  isUnknown(dimension: EndpointDimension, endpoint: number): boolean;
  isAwaited(dimension: EndpointDimension, endpoint: number): boolean;
  giveUp(dimension: EndpointDimension, endpoint: number): void;
  /** What is made of rows that go on; `unknown` is how many of them have an end that is not known. */
  goOn(table: FlowTable): { readonly made: readonly FromFlows[]; readonly unknown: number };
}

export interface Holding {
  /** False: an unknown address is not waited for, or was already. */
  maybeAwaited(dimension: EndpointDimension, endpoint: number): boolean;
  known(dimension: EndpointDimension, endpoint: number): void;
  /** True while there is room for these rows. */
  hasRoomFor(rows: number): boolean;
  hold(table: FlowTable, places: Uint32Array): HeldRows;
  /** Gives up the endpoints whose time is over. */
  expire(): void;
  stop(): void;
}

interface Waiting {
  /** When each endpoint that rows are held back for is given up, on the monotonic clock. */
  readonly deadlines: Map<number, number>;
  readonly givenUp: Set<number>;
}

export function createHolding(options: HoldingOptions, { id, clock, metrics }: Host): Holding {
  const { lateMs, isUnknown, isAwaited, giveUp, goOn } = options;
  const waitings = new WeakMap<EndpointDimension, Waiting>();
  /** Dimensions with deadlines. */
  const open = new Set<EndpointDimension>();
  const stopping = new AbortController();
  let heldRows = 0;
  const counted = metrics.counter({
    name: 'otelcol_k8s_attributes_held_rows_total',
    help: 'Flows that were held back for an unknown address of the cluster and went on, by result: named, unknown (the time was over), stopped (the agent stops), no_room (too many are held back already).',
  });
  const gauge = metrics.gauge({
    name: 'otelcol_k8s_attributes_held_rows',
    help: 'Flows that are held back now, for an address of the cluster that is not known yet.',
  });
  const count = (result: string, rows: number) => counted.add(rows, { processor: id, result });
  for (const result of ['named', 'unknown', 'stopped', 'no_room']) count(result, 0);
  metrics.onScrape(() => gauge.set(heldRows, { processor: id }));

  function waitingIn(dimension: EndpointDimension): Waiting {
    const known = waitings.get(dimension);
    if (known !== undefined) return known;
    const waiting = { deadlines: new Map(), givenUp: new Set<number>() };
    waitings.set(dimension, waiting);
    return waiting;
  }

  function expire(): void {
    const nowMs = clock.monotonicMs();
    for (const dimension of open) {
      const { deadlines, givenUp } = waitingIn(dimension);
      for (const [endpoint, deadlineMs] of deadlines) {
        if (deadlineMs > nowMs) continue;
        deadlines.delete(endpoint);
        givenUp.add(endpoint);
        giveUp(dimension, endpoint);
      }
      if (deadlines.size === 0) open.delete(dimension);
    }
  }

  /** Those of the rows that are waited for; the clock of each begins to run with its first row. */
  function awaitedIn({ ends: { src, dst, endpoints } }: FlowTable): readonly number[] {
    const awaited = [...new Set([...src, ...dst])].filter((endpoint) => isAwaited(endpoints, endpoint));
    const { deadlines } = waitingIn(endpoints);
    for (const endpoint of awaited) {
      if (!deadlines.has(endpoint)) deadlines.set(endpoint, clock.monotonicMs() + lateMs);
    }
    open.add(endpoints);
    return awaited;
  }

  async function untilKnown({ ends: { endpoints } }: FlowTable, awaited: readonly number[]): Promise<void> {
    const { deadlines } = waitingIn(endpoints);
    // They may be more than a function takes arguments.
    const deadlineMs = awaited.reduce((latest, endpoint) => Math.max(latest, deadlines.get(endpoint) ?? 0), 0);
    while (!stopping.signal.aborted) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || !awaited.some((endpoint) => isUnknown(endpoints, endpoint))) return;
      await clock.sleep(Math.min(LOOK_MS, leftMs), stopping.signal);
    }
  }

  return {
    expire,
    maybeAwaited: (dimension, endpoint) => lateMs > 0 && !waitingIn(dimension).givenUp.has(endpoint),
    known(dimension, endpoint) {
      const waiting = waitings.get(dimension);
      waiting?.deadlines.delete(endpoint);
      waiting?.givenUp.delete(endpoint);
    },
    hasRoomFor(rows) {
      if (heldRows + rows <= MAX_HELD_ROWS) return true;
      count('no_room', rows);
      return false;
    },
    hold(table, places) {
      const held = keepRows(table, places);
      heldRows += held.rows;
      const awaited = awaitedIn(held);
      let isReady = false;
      const ready = untilKnown(held, awaited).then(() => {
        isReady = true;
      });
      return {
        kind: 'held',
        table: held,
        ready,
        release() {
          heldRows -= held.rows;
          expire();
          const { made, unknown } = goOn(held);
          count('named', held.rows - unknown);
          count(isReady ? 'unknown' : 'stopped', unknown);
          return made;
        },
      };
    },
    stop: () => stopping.abort(),
  };
}
