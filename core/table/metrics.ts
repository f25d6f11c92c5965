/** The metric catalogue: which metrics are made of flows, of which measure, and their names in each preset. */

import type { FlowMeasures, NamingPreset } from './flow-table.ts';
import type { MetricDescriptor } from './metric-table.ts';

/** Metrics of one family show the same attributes by default. */
export type MetricFamily = 'flow' | 'inter_zone';

/** Beyla's names for groups of metrics that are switched on and off together. */
export const features = ['network', 'network_flow_packets', 'network_inter_zone'] as const;
export type Feature = (typeof features)[number];

export interface FlowMetric {
  readonly feature: Feature;
  readonly family: MetricFamily;
  readonly measure: keyof FlowMeasures;
  /** Made of the rows alone of which this attribute is true; of no row where nothing fills it. */
  readonly where?: string;
  /** Null where the convention has no such metric: then it does not leave under that preset. */
  readonly descriptors: Readonly<Record<NamingPreset, MetricDescriptor | null>>;
}

interface Entry extends Omit<FlowMetric, 'descriptors'>, Omit<MetricDescriptor, 'name'> {
  readonly names: Readonly<Record<NamingPreset, string | null>>;
}

function flowMetric({ names, unit, description, ...metric }: Entry): FlowMetric {
  const describe = (name: string | null) => (name === null ? null : { name, description, unit });
  const descriptors = { beyla: describe(names.beyla), obi: describe(names.obi), otel: describe(names.otel) };
  return { ...metric, descriptors };
}

export const flowMetrics: readonly FlowMetric[] = [
  flowMetric({
    feature: 'network',
    family: 'flow',
    measure: 'bytes',
    unit: 'By',
    description: 'Bytes sent from source to destination, as on the wire with the Ethernet header.',
    names: { beyla: 'beyla.network.flow.bytes', obi: 'obi.network.flow.bytes', otel: 'network.flow.io' },
  }),
  flowMetric({
    feature: 'network_flow_packets',
    family: 'flow',
    measure: 'packets',
    unit: '{packet}',
    description: 'Packets sent from source to destination, each segment of a larger one counted.',
    names: { beyla: 'beyla.network.flow.packets', obi: 'obi.network.flow.packets', otel: 'network.flow.packets' },
  }),
  flowMetric({
    feature: 'network_inter_zone',
    family: 'inter_zone',
    measure: 'bytes',
    where: 'network.flow.inter_zone',
    unit: 'By',
    description: 'Bytes of the flows whose ends are in two availability zones.',
    // The draft convention tells such flows apart by an attribute of network.flow.io.
    names: { beyla: 'beyla.network.inter.zone.bytes', obi: 'obi.network.inter.zone.bytes', otel: null },
  }),
];

/** The metrics of these features; of all where none are named. */
export function metricsOf(wanted: readonly Feature[] = []): readonly FlowMetric[] {
  return wanted.length === 0 ? flowMetrics : flowMetrics.filter(({ feature }) => wanted.includes(feature));
}
