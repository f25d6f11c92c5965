/**
 * Points that wait for the end of an interval, of a table that outlives its agent: what had not left when the agent was
 * killed is still in the table, and what left at the end is not in it any more.
 */

import test from 'ava';
import { unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { removeNetworkNamespaces } from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { startAgent, until } from './agent.ts';
import { hosts, leftBehind, METRIC, send } from './pinned.ts';

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

const config = (pinPath: string, interval: string) => `
receivers:
  ebpf_network: {pin_path: ${pinPath}, cache_active_timeout: 100ms}
processors:
  attribute_select: {features: [network], select: {'*': {include: [src.address]}}}
  delta_to_cumulative:
  interval: {interval: ${interval}}
exporters:
  otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select, delta_to_cumulative, interval], exporters: [otlp_grpc]}
`;

/** Bytes by start time, which tells agents apart: the last point of each is its whole. */
function bytesOfEachAgent(points: readonly ReceivedPoint[]): number[] {
  const last = new Map(points.filter(({ metric }) => metric === METRIC).map(({ startNs, value }) => [startNs, value]));
  return [...last.values()];
}

test.serial(
  'an agent that is killed within an interval loses nothing, and one that stops leaves nothing to repeat',
  async (t) => {
    const { host, peer, sink, pinPath } = await hosts(t);
    const killed = await startAgent(host, config(pinPath, '1h'));
    const first = send(peer, 'eth0', 50);
    await killed.kill();

    const next = await startAgent(host, config(pinPath, '300ms'));
    await until('what the killed one held arrives', () => bytesOfEachAgent(sink.points())[0] === first);
    const second = send(peer, 'eth0', 20);
    await until('another interval is over', () => bytesOfEachAgent(sink.points())[0] === first + second);
    t.is((await next.stop()).code, 0);

    const waiting = await startAgent(host, config(pinPath, '1h'));
    const third = send(peer, 'eth0', 7);
    const { code, stderr } = await waiting.stop();
    t.is(code, 0, stderr);
    t.deepEqual(bytesOfEachAgent(sink.points()), [first + second, third]);

    const last = await startAgent(host, config(pinPath, '1h'));
    await last.stop();
    t.deepEqual(bytesOfEachAgent(sink.points()), [first + second, third], 'it was committed when it had arrived');
    t.is(await leftBehind(host, pinPath), 0);
  },
);
