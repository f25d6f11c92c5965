/**
 * Whether flows are asked about in conntrack, and what came of it: says once why it goes without, and counts the answers.
 */

import { getSystemErrorName } from 'node:util';
import type { Logger } from '../../core/telemetry/log.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import { missingCapabilities, type NatLookUps, neededByOption } from '../../native/index.ts';
import type { EbpfNetworkConfig } from './config.ts';

const WITHOUT = 'Flows whose addresses this host translates name the ends that their packets show.';
const FIX = 'give the process CAP_NET_ADMIN, or set nat: none';
const results = ['translated', 'untranslated', 'missing', 'ambiguous', 'failed'] as const;

/** False, and said why, where conntrack would refuse to answer. */
export function mayAskConntrack({ nat }: Pick<EbpfNetworkConfig, 'nat'>, logger: Logger): boolean {
  if (nat === 'none') return false;
  if (missingCapabilities(neededByOption['nat: conntrack']).length === 0) return true;
  logger.warn(WITHOUT, { reason: 'nat: conntrack wants CAP_NET_ADMIN, which the process lacks', fix: FIX });
  return false;
}

export function createNatReporter({
  receiver,
  metrics,
  logger,
}: {
  readonly receiver: string;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}) {
  const lookUps = metrics.counter({
    name: 'otelcol_receiver_ebpf_network_nat_lookups_total',
    help: 'Times conntrack was asked about a flow, by what it answered.',
  });
  const dumps = metrics.counter({
    name: 'otelcol_receiver_ebpf_network_nat_dumps_total',
    help: 'Lists of connections that were read from conntrack, in place of many look-ups or for ICMP.',
  });
  for (const result of results) lookUps.add(0, { receiver, result });
  dumps.add(0, { receiver });
  const said = new Set<number>();
  return {
    collected(found: NatLookUps) {
      for (const result of results) if (found[result] > 0) lookUps.add(found[result], { receiver, result });
      if (found.dumps > 0) dumps.add(found.dumps, { receiver });
      if (found.errno === 0 || said.has(found.errno)) return;
      said.add(found.errno);
      const name = getSystemErrorName(-found.errno);
      logger.warn(WITHOUT, { reason: `conntrack answers ${name}`, ...(name === 'EPERM' ? { fix: FIX } : {}) });
    },
  };
}
