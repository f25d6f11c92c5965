/**
 * Where every byte went, by interface and direction: seen = exported + filtered + sampled + lost + in_table, exactly, at
 * every scrape, because the figures of one collect change together and are published together.
 */

import type { FilterReason } from '../../core/component/define.ts';
import type { InterfaceSum } from '../../core/table/interface-sums.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import type { Amount, Collected, HookDirection, LedgerRow } from '../../native/index.ts';
import {
  type Account,
  add,
  addAll,
  addGrowth,
  byInterface,
  emptyTable,
  growth,
  inTableOf,
  nothing,
  seenOf,
  total,
} from './account.ts';
import { createPublisher, ledgerLines } from './publish.ts';

/** Why rows that were collected did not leave. */
export type LossReason = 'receiver_stopped' | 'pipeline_failed' | 'pins_refused';

export interface Ledger {
  /** Something is counted there from now on: it is shown even when nothing comes. */
  show(iface: number, direction: HookDirection): void;
  /** What a collect found; it is in the table until the next call says what became of it. */
  collected(collected: Collected): void;
  /**
   * Of the rows of the last collect, which are scaled by `sampling`: every pipeline filtered these. To be said before what
   * became of the others.
   */
  filtered(reason: FilterReason, sums: readonly InterfaceSum[], sampling: number): void;
  /**
   * Of those rows as well: a processor holds these back. They stay in the table over the next collects, until `goes` has
   * said of all of them what became of them. `withWindow`: even then as long as the others of their collect.
   */
  heldBack(sums: readonly InterfaceSum[], sampling: number, withWindow: boolean): HeldRows;
  /** A pipeline took the rows of the last collect. */
  exported(): void;
  /** The rows of the last collect are gone. */
  lost(reason: LossReason): void;
  /** Of a table that is gone: seen, and lost. */
  lostBefore(reason: LossReason, name: string, direction: HookDirection, amount: Amount): void;
  /** Calls back with the name of each interface that was gone for so long that its figures are part of `(gone)`. */
  onForgotten(callback: (name: string) => void): void;
  /** By the name of the interface, both directions together. */
  seenBytes(): ReadonlyMap<string, number>;
  /** One line an interface, both directions together. */
  lines(): string[];
}

/** What became of rows that were held back. */
export type FateOfHeld = 'exported' | { readonly filtered: FilterReason } | { readonly lost: LossReason };

export interface HeldRows {
  goes(fate: FateOfHeld, sums: readonly InterfaceSum[]): void;
}

export interface LedgerOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly metrics: MetricRegistry;
  /** By the lower 16 bits of the interface index; read again each time, since interfaces come, go and are renamed. */
  readonly interfaceNames: ReadonlyMap<number, string>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Takes the figures of interfaces that are gone, so that sums over all interfaces never fall. */
export const GONE = '(gone)';
/** After its last packet. Every scrape has had the last figures by then; on a node with many pods series would pile up. */
export const FORGET_AFTER_MS = 600_000;

/** Shown from the start, as those that the kernel notes. */
const leftOutOfRows = (): Record<string, Amount> => ({ self: nothing, tunnel: nothing });

export function createLedger({ receiver, metrics, interfaceNames, clock }: LedgerOptions): Ledger {
  const accounts = new Map<string, Account>();
  /** What the kernel had noted of each key and direction. */
  const noted = new Map<string, LedgerRow>();
  const { publish, unpublish } = createPublisher(metrics);
  const onForgotten: ((name: string) => void)[] = [];

  const nameOf = (iface: number) => interfaceNames.get(iface) ?? `${iface}`;
  const accountOf = (iface: number, direction: HookDirection) => accountNamed(nameOf(iface), direction);
  const accountNamed = (name: string, direction: HookDirection): Account => {
    const key = `${name} ${direction}`;
    const known = accounts.get(key);
    if (known !== undefined) return known;
    const labels = { receiver, interface: name, direction };
    const account = {
      labels,
      changedMs: clock.monotonicMs(),
      changedTo: 0,
      exported: nothing,
      rows: nothing,
      held: nothing,
      leaving: {},
      filtered: leftOutOfRows(),
      sampled: nothing,
      lost: {},
    };
    accounts.set(key, account);
    return account;
  };
  const leaveTable = (rowsGoTo: (account: Account) => void) => {
    for (const account of accounts.values()) {
      rowsGoTo(account);
      addGrowth(account.filtered, account.leaving);
      emptyTable(account);
    }
  };
  /** The kernel's figures are of a key, and only grow; the interface that has the key now gets what came since. */
  const takeNotes = (row: LedgerRow) => {
    const place = `${row.iface} ${row.direction}`;
    const before = noted.get(place);
    noted.set(place, row);
    const account = accountOf(row.iface, row.direction);
    addGrowth(account.filtered, row.filtered, before?.filtered);
    account.sampled = add(account.sampled, growth(row.sampled, before?.sampled));
    addGrowth(account.lost, row.lost, before?.lost);
  };

  const amountsOf = (
    sums: readonly InterfaceSum[],
    sampling: number,
    known: (key: string) => Account | undefined = () => undefined,
  ) =>
    sums.map(({ iface, direction, bytes, packets }) => {
      const key = `${iface} ${direction}`;
      const amount = { bytes: bytes / sampling, packets: packets / sampling };
      return { key, amount, account: known(key) ?? accountOf(iface, direction) };
    });

  const forget = () => {
    const names = new Set(interfaceNames.values()).add(GONE);
    const nowMs = clock.monotonicMs();
    for (const [key, account] of accounts) {
      const seen = seenOf(account).packets;
      if (seen !== account.changedTo) Object.assign(account, { changedTo: seen, changedMs: nowMs });
      const { interface: name, direction } = account.labels;
      const waits = inTableOf(account).packets > 0 || nowMs - account.changedMs < FORGET_AFTER_MS;
      if (waits || names.has(name)) continue;
      accounts.delete(key);
      unpublish(account);
      if (seen > 0) addAll(accountNamed(GONE, direction), account);
      for (const callback of onForgotten) callback(name);
    }
  };

  metrics.onScrape(() => {
    for (const account of accounts.values()) publish(account);
  });
  return {
    show: (iface, direction) => void accountOf(iface, direction),
    collected({ sums, ledger }) {
      for (const account of accounts.values()) emptyTable(account);
      for (const row of ledger) takeNotes(row);
      for (const { iface, direction, leftOut, ...amount } of sums) {
        const account = accountOf(iface, direction);
        if (leftOut === undefined) account.rows = add(account.rows, amount);
        else addGrowth(account.leaving, { [leftOut]: amount });
      }
      forget();
    },
    filtered(reason, sums, sampling) {
      for (const { account, amount } of amountsOf(sums, sampling)) {
        account.rows = growth(account.rows, amount);
        addGrowth(account.leaving, { [reason]: amount });
      }
    },
    heldBack(sums, sampling, withWindow) {
      // By then an interface may have another name, or none.
      const accountsThen = new Map<string, Account>();
      for (const { key, account, amount } of amountsOf(sums, sampling)) {
        accountsThen.set(key, account);
        account.rows = growth(account.rows, amount);
        account.held = add(account.held, amount);
      }
      return {
        goes(fate, gone) {
          for (const { amount, account } of amountsOf(gone, sampling, (key) => accountsThen.get(key))) {
            account.held = growth(account.held, amount);
            goAs(fate, account, amount, withWindow);
          }
        },
      };
    },
    exported: () =>
      leaveTable((account) => {
        account.exported = add(account.exported, account.rows);
      }),
    lost: (reason) =>
      leaveTable((account) => {
        account.lost[reason] = add(account.lost[reason] ?? nothing, account.rows);
      }),
    lostBefore(reason, name, direction, amount) {
      addGrowth(accountNamed(name, direction).lost, { [reason]: amount });
    },
    onForgotten: (callback) => void onForgotten.push(callback),
    seenBytes: () =>
      new Map([...byInterface(accounts.values())].map(([name, both]) => [name, total(both.map(seenOf)).bytes])),
    lines: () => ledgerLines([...accounts.values()]),
  };
}

function goAs(fate: FateOfHeld, account: Account, amount: Amount, withWindow: boolean): void {
  if (fate === 'exported') {
    if (withWindow) account.rows = add(account.rows, amount);
    else account.exported = add(account.exported, amount);
  } else if ('lost' in fate) addGrowth(account.lost, { [fate.lost]: amount });
  else addGrowth(withWindow ? account.leaving : account.filtered, { [fate.filtered]: amount });
}
