/** How full the table is, how long reading it takes, and when it could not be read. */

import type { Logger } from '../../core/telemetry/log.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import type { Collected } from '../../native/index.ts';

export function createTableReporter({
  receiver,
  metrics,
  logger,
}: {
  readonly receiver: string;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}) {
  const name = (what: string) => `otelcol_receiver_ebpf_network_${what}`;
  const slots = metrics.gauge({ name: name('table_slots'), help: 'Slots of the flow table, by state.' });
  const capacity = metrics.gauge({ name: name('table_capacity'), help: 'Slots to which the flow table can grow.' });
  const scan = metrics.gauge({ name: name('scan_duration_seconds'), help: 'Time of the last scan of the flow table.' });
  const failures = metrics.counter({
    name: name('collect_failures_total'),
    help: 'Times the flow table could not be read; what it holds is read the next time.',
  });
  failures.add(0, { receiver });
  let socketsFailure: string | undefined;
  /** Once, until it works again. */
  const sockets = (failure: string | undefined) => {
    if (failure !== undefined && socketsFailure === undefined) {
      const effect = 'The listening sockets of this host cannot be read: directions that they would tell are unknown.';
      logger.warn(effect, { error: failure });
    }
    socketsFailure = failure;
  };
  return {
    collected(collected: Collected) {
      slots.set(collected.usedSlots, { receiver, state: 'used' });
      slots.set(collected.slots - collected.usedSlots, { receiver, state: 'free' });
      slots.set(collected.overflowFlows, { receiver, state: 'overflow' });
      capacity.set(collected.maxSlots, { receiver });
      scan.set(collected.scanNs / 1e9, { receiver });
      sockets(collected.socketsFailure);
    },
    failed(error: unknown) {
      failures.add(1, { receiver });
      logger.error('Cannot read the flow table; trying again, nothing is lost.', { error });
    },
  };
}
