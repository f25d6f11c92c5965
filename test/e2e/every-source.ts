/**
 * The same traffic seen by every source at once: three receivers in one agent, each with its own way to the packets,
 * and what each of them exported.
 */

import type { ExecutionContext } from 'ava';
import { createLogger } from '../../core/telemetry/log.ts';
import { agentResource, resourceSources } from '../../receiver/ebpf_network/resource.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { startAgent, startSink } from './agent.ts';

const sources = {
  tcx: 'source: tc, traffic_control_backend: tcx',
  clsact: 'source: tc, traffic_control_backend: tc',
  socket: 'source: socket_filter',
} as const;
export type Source = keyof typeof sources;
export const sourceNames = Object.keys(sources) as readonly Source[];

export interface Run {
  readonly points: Readonly<Record<Source, readonly ReceivedPoint[]>>;
  readonly stderr: string;
}

/** A section of `select`. */
export const selected = (attributes: readonly string[]) => `{include: [${attributes}]}`;

/** Three receivers with these keys in one pipeline, and what it selects of bytes and packets. */
export const everySource = (keys: string, bytes: string, packets: string) => `
receivers:
${sourceNames.map((name) => `  ebpf_network/${name}: {${sources[name]}, cache_active_timeout: 100ms${keys}}`).join('\n')}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: ${bytes}
      beyla_network_flow_packets: ${packets}
exporters:
  otlp_http: {endpoint: http://127.0.0.1:4318}
service:
  pipelines:
    metrics:
      receivers: [${sourceNames.map((name) => `ebpf_network/${name}`)}]
      processors: [attribute_select]
      exporters: [otlp_http]
`;

/** Runs the agent on the node while `traffic` goes on. */
export async function observeSources(
  t: ExecutionContext,
  node: NetworkNamespace,
  yaml: string,
  traffic: () => Promise<void>,
): Promise<Run> {
  const sink = await startSink(node);
  t.teardown(sink.stop);
  const agent = await startAgent(node, yaml);
  t.teardown(async () => void (await agent.stop()));
  await traffic();
  const { code, stderr } = await agent.stop();
  t.is(code, 0, stderr);
  const points = sink.points();
  const pointsOf = async (name: Source) => {
    const { attributes } = agentResource(await resourceSources(`ebpf_network/${name}`), createLogger());
    const instance = attributes['service.instance.id'];
    return points.filter(({ resource }) => resource['service.instance.id'] === instance);
  };
  const [tcx, clsact, socket] = await Promise.all([pointsOf('tcx'), pointsOf('clsact'), pointsOf('socket')]);
  return { points: { tcx, clsact, socket }, stderr };
}
