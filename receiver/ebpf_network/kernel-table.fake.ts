/**
 * For tests: a kernel table in memory with the contract of the real one, a clock moved by hand, a pipeline's end.
 *
 * long: it has whatever the real one has.
 */

import type { Consumer, NotTaken, Settlement } from '../../core/component/define.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type {
  Amount,
  Collected,
  HookDirection,
  KernelTable,
  LedgerRow,
  NatLookUps,
  TunnelList,
} from '../../native/index.ts';

export interface FakeFlow extends Amount {
  /** Last byte of an address in 10.0.0.0/24. */
  readonly src: number;
  readonly dst: number;
  readonly iface?: number;
  readonly direction?: HookDirection;
}

interface Counted {
  readonly flow: Required<FakeFlow>;
  bytes: number;
  packets: number;
  committed: Amount;
  collected: Amount;
}

const none: Amount = { bytes: 0, packets: 0 };

export class FakeKernelTable implements KernelTable {
  readonly programIds = { ingress: 1, egress: 2 };
  hookKind: KernelTable['hookKind'] = 'tcx';
  takenOver: KernelTable['takenOver'];
  refusedPins: KernelTable['refusedPins'];
  /** What attach returns. */
  ahead: readonly string[] = [];
  /** What was called, in order. */
  readonly calls: string[] = [];
  /** Thrown by the next call of that name. */
  readonly failures = new Map<'attach' | 'collect' | 'commit' | 'settle', Error>();
  ledger: LedgerRow[] = [];
  tunnels: TunnelList['tunnels'] = [];
  socketsFailure: string | undefined;
  natLookUps: NatLookUps = {
    translated: 0,
    untranslated: 0,
    missing: 0,
    ambiguous: 0,
    failed: 0,
    dumps: 0,
    errno: 0,
  };
  /** Rows that a collect writes at most. */
  rowLimit = Number.POSITIVE_INFINITY;
  /** Runs while a collect is under way. */
  whileCollecting: () => void = () => {};
  readonly #flows = new Map<string, Counted>();
  #endpoints: number[] = [];

  count({ iface = 2, direction = 'ingress', ...flow }: FakeFlow): void {
    const key = `${flow.src} ${flow.dst} ${iface} ${direction}`;
    const fresh = { flow: { ...flow, iface, direction }, ...none, committed: none, collected: none };
    const counted = this.#flows.get(key) ?? fresh;
    counted.bytes += flow.bytes;
    counted.packets += flow.packets;
    this.#flows.set(key, counted);
  }

  attach(iface: { readonly name: string }, direction: HookDirection): readonly string[] {
    this.#call('attach', `${iface.name} ${direction}`);
    return this.ahead;
  }
  detach(index: number, direction: HookDirection): void {
    this.calls.push(`detach ${index} ${direction}`);
  }
  async attachOffLoop(iface: { readonly name: string }, direction: HookDirection): Promise<readonly string[]> {
    return this.attach(iface, direction);
  }
  async detachOffLoop(index: number, direction: HookDirection): Promise<void> {
    this.detach(index, direction);
  }
  rename({ index, name }: { readonly index: number; readonly name: string }): void {
    this.calls.push(`rename ${index} ${name}`);
  }
  setCovered(indexes: readonly number[]): void {
    this.calls.push(`setCovered ${indexes}`);
  }
  setTunnels({ tunnels }: TunnelList): void {
    this.tunnels = tunnels;
  }
  rowBound(): number {
    return this.#flows.size;
  }
  newEndpointEpoch(): void {
    this.calls.push('newEndpointEpoch');
    this.#endpoints = [];
  }

  async collect(columns: Parameters<KernelTable['collect']>[0]): Promise<Collected> {
    const live = [...this.#flows.values()].filter(({ packets, committed }) => packets > committed.packets);
    const taken = live.slice(0, this.rowLimit);
    const known = this.#endpoints.length;
    for (const one of this.#flows.values()) one.collected = one.committed;
    const rows = taken.map((one, row) => {
      const { flow, bytes, packets, committed } = one;
      one.collected = { bytes, packets };
      columns.src[row] = this.#endpoint(flow.src);
      columns.dst[row] = this.#endpoint(flow.dst);
      columns.transport[row] = 6;
      columns.direction[row] = flow.direction === 'ingress' ? 0 : 1;
      columns.iface[row] = flow.iface;
      columns.bytes[row] = bytes - committed.bytes;
      columns.packets[row] = packets - committed.packets;
      const { iface, direction } = flow;
      return { iface, direction, bytes: bytes - committed.bytes, packets: packets - committed.packets };
    });
    await Promise.resolve();
    this.whileCollecting();
    this.#call('collect', `${rows.length}`);
    return {
      rows: rows.length,
      translatedRows: 0,
      complete: taken.length === live.length,
      newEndpoints: Uint8Array.from(this.#endpoints.slice(known).flatMap((last) => [...mapped, 10, 0, 0, last])),
      sums: rows,
      ledger: this.ledger,
      natLookUps: this.natLookUps,
      slots: 16_384,
      usedSlots: this.#flows.size,
      maxSlots: 262_144,
      overflowFlows: 0,
      scanNs: 1_000_000,
      ...(this.socketsFailure === undefined ? {} : { socketsFailure: this.socketsFailure }),
    };
  }

  async commit(): Promise<{ freed: number }> {
    this.#call('commit');
    for (const one of this.#flows.values()) one.committed = one.collected;
    return { freed: 0 };
  }
  async settle(): Promise<void> {
    this.#call('settle');
  }
  async close(): Promise<void> {
    this.calls.push('close');
  }

  #call(name: 'attach' | 'collect' | 'commit' | 'settle', detail = ''): void {
    this.calls.push(`${name} ${detail}`.trim());
    const failure = this.failures.get(name);
    this.failures.delete(name);
    if (failure !== undefined) throw failure;
  }

  #endpoint(last: number): number {
    const code = this.#endpoints.indexOf(last);
    return code < 0 ? this.#endpoints.push(last) - 1 : code;
  }
}

/** ::ffff:0:0/96 */
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

export interface FakeClock extends Clock {
  /** Moves time and lets whoever slept so long go on; resolves when somebody sleeps again. */
  advance(milliseconds: number): Promise<void>;
  /** Resolves when somebody sleeps. */
  asleep(): Promise<void>;
  /** Sets the wall clock, as a user or NTP does. */
  step(milliseconds: number): void;
}

export function createFakeClock(): FakeClock {
  let nowMs = 0;
  let wallMs = 1_000_000;
  let sleeper: { readonly dueMs: number; readonly wake: () => void } | undefined;
  let announce = () => {};

  const asleep = () =>
    new Promise<void>((resolve) => {
      announce = resolve;
      if (sleeper !== undefined) resolve();
    });
  return {
    nowNs: () => BigInt(wallMs) * 1_000_000n,
    monotonicMs: () => nowMs,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleeper = undefined;
          resolve();
        };
        if (signal?.aborted || delayMs === 0) {
          resolve();
          return;
        }
        signal?.addEventListener('abort', wake, { once: true });
        sleeper = { dueMs: nowMs + delayMs, wake };
        announce();
      }),
    asleep,
    async advance(milliseconds) {
      nowMs += milliseconds;
      wallMs += milliseconds;
      if (sleeper !== undefined && sleeper.dueMs <= nowMs) sleeper.wake();
      await asleep();
    },
    step(milliseconds) {
      wallMs += milliseconds;
    },
  };
}

export interface FakeConsumer extends Consumer {
  /** What is not taken of each table. */
  notTaken: NotTaken | undefined;
  /** Runs when the receiver wants everything that is held back to go on. */
  onRelease: () => void;
  readonly tables: FlowTable[];
  /** Says what became of the tables that are open. */
  settle(settlement: Settlement): void;
  delivers: boolean; // false: tables that come wait for `settle`
  /** Thrown by every consume while set. */
  failure: Error | undefined;
  setRoom(room: boolean): void;
  /** Resolves when somebody waits for room. */
  waiting(): Promise<void>;
}

export function createFakeConsumer(): FakeConsumer {
  let room = true;
  let announce = () => {};
  let waiter: (() => void) | undefined;
  const open: ((settlement: Settlement) => void)[] = [];
  return {
    tables: [],
    failure: undefined,
    delivers: true,
    settle(settlement) {
      for (const onSettled of open.splice(0)) onSettled(settlement);
    },
    notTaken: undefined,
    onRelease: () => undefined,
    hasRoom: () => room,
    waitForRoom: (signal) =>
      new Promise((resolve) => {
        waiter = () => {
          waiter = undefined;
          resolve();
        };
        signal.addEventListener('abort', () => waiter?.(), { once: true });
        announce();
      }),
    consume(table, onSettled = () => undefined) {
      if (this.failure !== undefined) throw this.failure;
      this.tables.push(table);
      open.push(onSettled);
      if (this.delivers) this.settle('delivered');
      return this.notTaken;
    },
    passOn() {
      throw new Error('the kernel counts nothing but flows');
    },
    release() {
      this.onRelease();
    },
    setRoom(value) {
      room = value;
      if (value) waiter?.();
    },
    waiting: () =>
      new Promise((resolve) => {
        announce = resolve;
        if (waiter !== undefined) resolve();
      }),
  };
}
