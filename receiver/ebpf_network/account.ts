/** The figures of one interface and direction in the ledger, and their sums. */

import type { Labels } from '../../core/telemetry/metrics.ts';
import type { Amount, HookDirection } from '../../native/index.ts';

/** Of one interface name and direction. It stays for a while when the interface is gone, for one of that name to go on. */
export interface Account {
  readonly labels: Labels & { readonly interface: string; readonly direction: HookDirection };
  /** When a collect last found another figure, and which. */
  changedMs: number;
  changedTo: number;
  exported: Amount;
  /** Rows that were collected. */
  rows: Amount;
  /** Of this and of earlier collects: held back by a processor. */
  held: Amount;
  /** Collected with them, and to be left out for this reason. */
  leaving: Record<string, Amount>;
  /** By reason. */
  readonly filtered: Record<string, Amount>;
  sampled: Amount;
  readonly lost: Record<string, Amount>;
}

export const nothing: Amount = { bytes: 0, packets: 0 };
export const growth = (now: Amount, before: Amount = nothing): Amount => ({
  bytes: now.bytes - before.bytes,
  packets: now.packets - before.packets,
});
export const add = (a: Amount, b: Amount): Amount => ({ bytes: a.bytes + b.bytes, packets: a.packets + b.packets });
export const total = (amounts: Iterable<Amount>): Amount => [...amounts].reduce(add, nothing);

export const filteredOf = ({ filtered }: Account) => total(Object.values(filtered));
export const lostOf = ({ lost }: Account) => total(Object.values(lost));
export const inTableOf = ({ rows, held, leaving }: Account) => total([rows, held, ...Object.values(leaving)]);
export const seenOf = (account: Account) =>
  total([account.exported, inTableOf(account), filteredOf(account), account.sampled, lostOf(account)]);

export const byInterface = (accounts: Iterable<Account>) => Map.groupBy(accounts, ({ labels }) => labels.interface);

/** By reason. */
export type Amounts = Readonly<Record<string, Amount>>;

export function addGrowth(to: Record<string, Amount>, now: Amounts, before: Amounts = {}): void {
  for (const [reason, amount] of Object.entries(now)) {
    to[reason] = add(to[reason] ?? nothing, growth(amount, before[reason]));
  }
}

export function addAll(to: Account, from: Account): void {
  to.exported = add(to.exported, from.exported);
  to.sampled = add(to.sampled, from.sampled);
  addGrowth(to.filtered, from.filtered);
  addGrowth(to.lost, from.lost);
}

export function emptyTable(account: Account): void {
  account.rows = nothing;
  account.leaving = {};
}
