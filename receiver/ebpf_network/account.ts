/** What the ledger keeps of one interface and direction, and sums over it. */

import type { Labels } from '../../core/telemetry/metrics.ts';
import type { Amount } from '../../native/index.ts';

/** Of one interface name and direction. It stays when the interface is gone, and goes on when one of that name is back. */
export interface Account {
  readonly labels: Labels;
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

export const byInterface = (accounts: Iterable<Account>) =>
  Map.groupBy(accounts, ({ labels }) => labels.interface ?? '');

export type Amounts = Readonly<Record<string, Amount>>;

export function addGrowth(to: Record<string, Amount>, now: Amounts, before: Amounts = {}): void {
  for (const [reason, amount] of Object.entries(now)) {
    to[reason] = add(to[reason] ?? nothing, growth(amount, before[reason]));
  }
}
