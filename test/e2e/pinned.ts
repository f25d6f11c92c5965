/**
 * For tests of agents that come back on the same `pin_path`: their host with a server on its loopback, traffic that is
 * known to the byte, and the pins taken away at the end.
 */

import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { mountBpfFileSystem } from '../support/bpf-file-system.ts';
import { udpFrame } from '../support/frames.ts';
import { attachedProgramCount, sendFrame } from '../support/native.ts';
import { createNetworkNamespace, disableIpv6, type NetworkNamespace } from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { type Agent, type Sink, startSink, sumsBy, until } from './agent.ts';

export const METRIC = 'beyla.network.flow.bytes';
const FLOWS = 40;
/** Far below what the kernel's backlog holds. */
const BATCH = 5;

const frames = Array.from({ length: FLOWS }, (_, at) =>
  udpFrame({ src: '192.0.2.1', dst: '198.51.100.1', srcPort: 4000 + at, dstPort: 53, payloadBytes: 100 + at }),
);

export const configWith = (pinPath: string, keys = '', intervalMs = 100) => `
receivers:
  ebpf_network: {pin_path: ${pinPath}, cache_active_timeout: ${intervalMs}ms${keys}}
exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:4317
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}
service:
  telemetry: {logs: {level: debug}, metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], exporters: [otlp_grpc]}}
`;

/** The agent's host with a server on its loopback, and a peer; nothing crosses a wire but what the test sends. */
export async function hosts(t: ExecutionContext) {
  const [host, peer] = [createNetworkNamespace(), createNetworkNamespace()];
  for (const namespace of [host, peer]) disableIpv6(namespace);
  join(host, peer, 'eth0');
  const sink = await startSink(host);
  t.teardown(sink.stop);
  return { host, peer, sink, pinPath: `${mountBpfFileSystem()}/weir` };
}

export function join(host: NetworkNamespace, peer: NetworkNamespace, name: string): void {
  host.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', peer.name);
  for (const { run } of [host, peer]) run('ip', 'link', 'set', name, 'up');
}

/** Sends on interfaces all the time, frames to nobody, which count where they come in. */
export function createTraffic(peer: NetworkNamespace) {
  const sent = new Map<string, number>();
  const names = new Set<string>();
  let running = true;
  let turn = 0;
  const send = (name: string) => {
    const frame = frames[turn++ % FLOWS]!;
    sendFrame({ networkNamespace: peer.name, interface: name, frame, count: BATCH });
    sent.set(name, (sent.get(name) ?? 0) + BATCH * frame.length);
  };
  const loop = (async () => {
    while (running) {
      for (const name of names) send(name);
      await delay(1);
    }
  })();
  return {
    sent,
    start: (name: string) => void names.add(name),
    stop: (name: string) => void names.delete(name),
    async end() {
      running = false;
      await loop;
      return sent;
    },
  };
}

/** Bytes by interface, without the windows that another one overlaps; and how many these were. */
export function received(points: readonly ReceivedPoint[]) {
  const windows = Map.groupBy(points, ({ startNs, timeNs }) => `${startNs} ${timeNs}`);
  const inOrder = [...windows.values()];
  const kept = inOrder.filter((window, at) => {
    const next = inOrder[at + 1]?.[0];
    return next === undefined || next.startNs >= window[0]!.timeNs;
  });
  return { bytes: sumsBy(kept.flat(), METRIC, ['iface']), repeated: inOrder.length - kept.length };
}

export const attached = (agent: Agent, name: string) =>
  [...agent.said().matchAll(/\tInterfaces changed\.\t(\{.*\})$/gm)].some(([, fields = '']) =>
    (JSON.parse(fields) as { attached: string[] }).attached.includes(name),
  );

export const total = (sink: Sink) =>
  [...sumsBy(sink.points(), METRIC, []).values()].reduce((sum, bytes) => sum + bytes, 0);

/** Returns the bytes. */
export function send(peer: NetworkNamespace, name: string, count: number): number {
  const frame = frames[count % FLOWS]!;
  sendFrame({ networkNamespace: peer.name, interface: name, frame, count });
  return count * frame.length;
}

/** From the lines at the end: bytes by figure, of one interface. */
export function ledgerOf(stderr: string, name: string): Record<string, number> {
  const line = new RegExp(`^ledger {2}${name} +(.*)$`, 'm').exec(stderr)?.[1] ?? '';
  const figures = line.matchAll(/(seen|exported|filtered|lost|in_table) ([\d,]+)/g);
  return Object.fromEntries([...figures].map(([, what = '', value = '']) => [what, Number(value.replaceAll(',', ''))]));
}

/** Takes the pins away, as a user does; returns how many programs still hang on eth0. */
export async function leftBehind(host: NetworkNamespace, pinPath: string): Promise<number> {
  rmSync(pinPath, { recursive: true });
  for (const hook of ['ingress', 'egress']) {
    if (host.run('tc', 'qdisc', 'show', 'dev', 'eth0').includes('clsact')) {
      host.run('tc', 'filter', 'del', 'dev', 'eth0', hook, 'pref', '1');
    }
  }
  const hanging = () => attachedProgramCount(host.name, 'eth0');
  await until('the kernel has let go', () => hanging() === 0);
  return hanging();
}
