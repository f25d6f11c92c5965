/** The ledger as self-metrics and as the lines that are written at the end. */

import type { Counter, Gauge, Labels, MetricRegistry } from '../../core/telemetry/metrics.ts';
import type { Amount } from '../../native/index.ts';
import { type Account, type Amounts, byInterface, filteredOf, inTableOf, lostOf, seenOf, total } from './account.ts';

/** Counters only add, so what was published before is taken off. */
export function createPublisher(metrics: MetricRegistry) {
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

  const publish = (account: Account) => {
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
  const unpublish = ({ labels, filtered: byFilter, lost: byLoss }: Account) => {
    const drop = (counters: typeof seen, all: readonly Labels[]) => {
      for (const one of Object.values(counters)) {
        for (const each of all) {
          one.remove(each);
          published.get(one)?.delete(JSON.stringify(each));
        }
      }
    };
    const reasons = (amounts: Amounts) => Object.keys(amounts).map((reason) => ({ ...labels, reason }));
    for (const counters of [seen, exported, sampled]) drop(counters, [labels]);
    drop(filtered, reasons(byFilter));
    drop(lost, reasons(byLoss));
    for (const gauge of Object.values(inTableGauges)) gauge.remove(labels);
  };
  return { publish, unpublish };
}

/** `ledger  eth0   seen 81,204,113 B  118,220 pkt   exported 80,991,001 B   filtered 213,112 B   sampled 0   lost 0` */
export function ledgerLines(accounts: readonly Account[]): string[] {
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
