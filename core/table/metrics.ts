/** The metric catalogue: which metrics are made of flows, of which measure, and their names in each preset. */

import type { FlowMeasures, NamingPreset } from './flow-table.ts';
import type { MetricDescriptor } from './metric-table.ts';

/** Metrics of one family show the same attributes by default. */
export type MetricFamily = 'flow';

export interface FlowMetric {
  readonly family: MetricFamily;
  readonly measure: keyof FlowMeasures;
  readonly descriptors: Readonly<Record<NamingPreset, MetricDescriptor>>;
}

function flowMetric(
  measure: keyof FlowMeasures,
  unit: string,
  description: string,
  names: Readonly<Record<NamingPreset, string>>,
): FlowMetric {
  const describe = (name: string): MetricDescriptor => ({ name, description, unit });
  const descriptors = { beyla: describe(names.beyla), obi: describe(names.obi), otel: describe(names.otel) };
  return { family: 'flow', measure, descriptors };
}

export const flowMetrics: readonly FlowMetric[] = [
  flowMetric('bytes', 'By', 'Bytes sent from source to destination, as on the wire with the Ethernet header.', {
    beyla: 'beyla.network.flow.bytes',
    obi: 'obi.network.flow.bytes',
    otel: 'network.flow.io',
  }),
  flowMetric('packets', '{packet}', 'Packets sent from source to destination, each segment of a larger one counted.', {
    beyla: 'beyla.network.flow.packets',
    obi: 'obi.network.flow.packets',
    otel: 'network.flow.packets',
  }),
];
