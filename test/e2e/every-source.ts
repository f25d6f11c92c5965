/**
 * One agent that counts the same traffic by every source that this kernel has: a receiver each, in one pipeline. What
 * is true of one must be true of all, to the byte and the packet.
 */

import type { ExecutionContext } from 'ava';
import type { HookKind } from '../../native/index.ts';
import { hookKinds } from '../support/hook-kinds.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { pointsOfReceiver, startAgent, startSink, sumsBy } from './agent.ts';

export const FLOW = ['transport', 'src.address', 'src.port', 'dst.address', 'dst.port'];

const keysOf: Readonly<Record<HookKind, string>> = {
  tcx: 'source: tc, traffic_control_backend: tcx',
  tc: 'source: tc, traffic_control_backend: tc',
  socket_filter: 'source: socket_filter',
};

/** Of the receivers and of the sources behind them. */
export const sourceNames = hookKinds;

/** The keys go to each receiver; packets show `shown` beside the flow, bytes as `bytes` says. */
export function everySource(
  keys: string,
  shown: readonly string[] = [],
  bytes = included([...FLOW, ...shown]),
): string {
  const receivers = sourceNames.map((name) => `ebpf_network/${name}`);
  return `
receivers:
${sourceNames.map((name) => `  ebpf_network/${name}: {${keysOf[name]}, cache_active_timeout: 100ms${keys}}`).join('\n')}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: ${bytes}
      beyla_network_flow_packets: ${included([...FLOW, ...shown])}
exporters:
  otlp_http: {endpoint: http://127.0.0.1:4318}
service:
  pipelines:
    metrics: {receivers: [${receivers}], processors: [attribute_select], exporters: [otlp_http]}
`;
}

const included = (attributes: readonly string[]) => `{include: [${attributes}]}`;

export interface Run {
  readonly points: ReadonlyMap<HookKind, readonly ReceivedPoint[]>;
  readonly stderr: string;
}

/** Runs the agent on the node while `traffic` goes on. */
export async function observe(
  t: ExecutionContext,
  node: NetworkNamespace,
  yaml: string,
  traffic: () => Promise<void> | void,
): Promise<Run> {
  const sink = await startSink(node);
  t.teardown(sink.stop);
  const agent = await startAgent(node, yaml);
  await traffic();
  const { code, stderr } = await agent.stop();
  t.is(code, 0, stderr);
  const all = sink.points();
  const points = new Map<HookKind, readonly ReceivedPoint[]>();
  for (const name of sourceNames) {
    points.set(name, await pointsOfReceiver(all, `ebpf_network/${name}`));
  }
  return { points, stderr };
}

/** Packets and bytes by the attributes named, joined by a space. */
export function totalsBy({ points }: Run, source: HookKind, attributes: readonly string[]) {
  const ofSource = points.get(source) ?? [];
  return {
    packets: sumsBy(ofSource, 'beyla.network.flow.packets', attributes),
    bytes: sumsBy(ofSource, 'beyla.network.flow.bytes', attributes),
  };
}
