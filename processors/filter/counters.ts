/** What each rule dropped, as self-metrics: points under upstream's name, flows with their bytes and packets under ours. */

import type { Host } from '../../core/component/define.ts';
import type { Drops } from '../../core/table/drop-rows.ts';

const PREFIX = 'otelcol_processor_filter_';

/** `rules` are their ids, in the order of `Drops.byRule`. */
export function createCounters({ id, metrics }: Pick<Host, 'id' | 'metrics'>, rules: readonly string[]) {
  const counter = (what: string, help: string) => metrics.counter({ name: `${PREFIX}${what}_total`, help });
  const points = counter('datapoints_filtered', 'Metric data points that the filter processor dropped.');
  const flows = counter('flows_filtered', 'Flows that the filter processor dropped, one for each flow and window.');
  const bytes = counter('bytes_filtered', 'Bytes of these flows.');
  const packets = counter('packets_filtered', 'Packets of these flows.');
  const failures = counter('failures', 'Rows for which a condition could not be answered.');
  const labels = rules.map((rule) => ({ filter: id, rule }));
  for (const one of labels) for (const each of [points, flows, bytes, packets, failures]) each.add(0, one);

  return {
    flows({ byRule }: Drops) {
      for (const [at, { rows, sums }] of byRule.entries()) {
        flows.add(rows, labels[at]);
        bytes.add(sums[0] ?? 0, labels[at]);
        packets.add(sums[1] ?? 0, labels[at]);
      }
    },
    points({ byRule }: Drops) {
      for (const [at, { rows }] of byRule.entries()) points.add(rows, labels[at]);
    },
    failed({ byRule }: Drops) {
      for (const [at, { failed }] of byRule.entries()) failures.add(failed, labels[at]);
    },
  };
}
