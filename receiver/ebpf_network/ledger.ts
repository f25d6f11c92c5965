/**
 * Where every byte went, by interface and direction: seen = exported + filtered + sampled + lost + in_table, exactly, at
 * every scrape, because the figures of one collect change together and are published together.
 */

import type { InterfaceSum } from '../../core/table/interface-sums.ts';
import type { Counter, Gauge, Labels, MetricRegistry } from '../../core/telemetry/metrics.ts';
import type { Amount, Collected, HookDirection, LedgerRow } from '../../native/index.ts';

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
  filtered(sums: readonly InterfaceSum[], sampling: number): void;
  /** A pipeline took the rows of the last collect. */
  exported(): void;
  /** The rows of the last collect are gone. */
  lost(reason: LossReason): void;
  /** Of a table that is gone: seen, and lost. */
  lostBefore(reason: LossReason, name: string, direction: HookDirection, amount: Amount): void;
  /** By the name of the interface, both directions together. */
  seenBytes(): ReadonlyMap<string, number>;
  /** One line an interface, both directions together. */
  lines(): string[];
}

export interface LedgerOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly metrics: MetricRegistry;
  /** By the lower 16 bits of the interface index; read again each time, since interfaces come, go and are renamed. */
  readonly interfaceNames: ReadonlyMap<number, string>;
}

/** Of one interface name and direction. It stays when the interface is gone, and goes on when one of that name is back. */
interface Account {
  readonly labels: Labels;
  exported: Amount;
  /** Rows that were collected. */
  rows: Amount;
  /** Collected with them, and to be left out for this reason. */
  leaving: Record<string, Amount>;
  /** By reason. */
  readonly filtered: Record<string, Amount>;
  sampled: Amount;
  readonly lost: Record<string, Amount>;
}

const nothing: Amount = { bytes: 0, packets: 0 };
const growth = (now: Amount, before: Amount = nothing): Amount => ({
  bytes: now.bytes - before.bytes,
  packets: now.packets - before.packets,
});
const add = (a: Amount, b: Amount): Amount => ({ bytes: a.bytes + b.bytes, packets: a.packets + b.packets });
const total = (amounts: Iterable<Amount>): Amount => [...amounts].reduce(add, nothing);

const filteredOf = ({ filtered }: Account) => total(Object.values(filtered));
const lostOf = ({ lost }: Account) => total(Object.values(lost));
const inTableOf = ({ rows, leaving }: Account) => total([rows, ...Object.values(leaving)]);
const seenOf = (account: Account) =>
  total([account.exported, inTableOf(account), filteredOf(account), account.sampled, lostOf(account)]);

/** Shown from the start, as those that the kernel notes. */
const leftOutOfRows = (): Record<string, Amount> => ({ self: nothing, tunnel: nothing });

export function createLedger({ receiver, metrics, interfaceNames }: LedgerOptions): Ledger {
  const accounts = new Map<string, Account>();
  /** What the kernel had noted of each key and direction. */
  const noted = new Map<string, LedgerRow>();
  const publish = createPublisher(metrics);

  const nameOf = (iface: number) => interfaceNames.get(iface) ?? `${iface}`;
  const accountOf = (iface: number, direction: HookDirection) => accountNamed(nameOf(iface), direction);
  const accountNamed = (name: string, direction: HookDirection): Account => {
    const key = `${name} ${direction}`;
    const known = accounts.get(key);
    if (known !== undefined) return known;
    const labels = { receiver, interface: name, direction };
    const account = {
      labels,
      exported: nothing,
      rows: nothing,
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
    },
    filtered(sums, sampling) {
      for (const { iface, direction, ...scaled } of sums) {
        const account = accountOf(iface, direction);
        const amount = { bytes: scaled.bytes / sampling, packets: scaled.packets / sampling };
        account.rows = growth(account.rows, amount);
        addGrowth(account.leaving, { rule: amount });
      }
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
    seenBytes: () =>
      new Map([...byInterface(accounts.values())].map(([name, both]) => [name, total(both.map(seenOf)).bytes])),
    lines: () => ledgerLines([...accounts.values()]),
  };
}

function emptyTable(account: Account): void {
  account.rows = nothing;
  account.leaving = {};
}

const byInterface = (accounts: Iterable<Account>) => Map.groupBy(accounts, ({ labels }) => labels.interface ?? '');

type Amounts = Readonly<Record<string, Amount>>;

function addGrowth(to: Record<string, Amount>, now: Amounts, before: Amounts = {}): void {
  for (const [reason, amount] of Object.entries(now)) {
    to[reason] = add(to[reason] ?? nothing, growth(amount, before[reason]));
  }
}

/** Counters only add, so what was published before is taken off. */
function createPublisher(metrics: MetricRegistry): (account: Account) => void {
  const published = new Map<Counter, Map<string, number>>();
  const counter = (what: string, unit: string, help: string) =>
    metrics.counter({ name: `otelcol_receiver_ebpf_network_${what}_${unit}_total`, help });
  const pair = (what: string, help: string) => ({
    bytes: counter(what, 'bytes', `Bytes ${help}`),
    packets: counter(what, 'packets', `Packets ${help}`),
  });
  const inTable = (unit: string): Gauge =>
    metrics.gauge({
      name: `otelcol_receiver_ebpf_network_in_table_${unit}`,
      help: `Accounted or held back, and not yet committed: ${unit}.`,
    });

  const seen = pair('seen', 'that the programs saw, each packet once.');
  const exported = pair('exported', 'that a pipeline took.');
  const filtered = pair('filtered', 'left out on purpose, by reason.');
  const sampled = pair('sampled', 'left out by sampling.');
  const lost = pair('lost', 'lost, by reason.');
  const inTableGauges = { bytes: inTable('bytes'), packets: inTable('packets') };

  const raise = (one: Counter, value: number, labels: Labels) => {
    const values = published.get(one) ?? new Map<string, number>();
    published.set(one, values);
    const key = JSON.stringify(labels);
    one.add(value - (values.get(key) ?? 0), labels);
    values.set(key, value);
  };
  const raisePair = (counters: typeof seen, { bytes, packets }: Amount, labels: Labels) => {
    raise(counters.bytes, bytes, labels);
    raise(counters.packets, packets, labels);
  };
  const raiseByReason = (counters: typeof seen, amounts: Readonly<Record<string, Amount>>, labels: Labels) => {
    for (const [reason, amount] of Object.entries(amounts)) raisePair(counters, amount, { ...labels, reason });
  };

  return (account) => {
    const { labels } = account;
    raisePair(seen, seenOf(account), labels);
    raisePair(exported, account.exported, labels);
    raisePair(sampled, account.sampled, labels);
    raiseByReason(filtered, account.filtered, labels);
    raiseByReason(lost, account.lost, labels);
    const { bytes, packets } = inTableOf(account);
    inTableGauges.bytes.set(bytes, labels);
    inTableGauges.packets.set(packets, labels);
  };
}

/** `ledger  eth0   seen 81,204,113 B  118,220 pkt   exported 80,991,001 B   filtered 213,112 B   sampled 0   lost 0` */
function ledgerLines(accounts: readonly Account[]): string[] {
  const interfaces = byInterface(accounts);
  const width = Math.max(...[...interfaces.keys()].map((name) => name.length));
  return [...interfaces].map(([name, both]) => {
    const seen = total(both.map(seenOf));
    const parts = [
      `ledger  ${name.padEnd(width)}`,
      `seen ${digits(seen.bytes)} B  ${digits(seen.packets)} pkt`,
      `exported ${bytesText(total(both.map(({ exported }) => exported)))}`,
      `filtered ${bytesText(total(both.map(filteredOf)))}`,
      `sampled ${bytesText(total(both.map(({ sampled }) => sampled)))}`,
      `lost ${bytesText(total(both.map(lostOf)))}`,
    ];
    // What no exporter acknowledged, and a later agent takes over.
    const inTable = total(both.map(inTableOf));
    if (inTable.packets > 0) parts.push(`in_table ${bytesText(inTable)}`);
    return parts.join('   ');
  });
}

const digits = (value: number) => value.toLocaleString('en-US');
const bytesText = ({ bytes }: Amount) => (bytes === 0 ? '0' : `${digits(bytes)} B`);
