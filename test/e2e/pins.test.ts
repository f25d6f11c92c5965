/**
 * Agents that are killed and come back on the same `pin_path` while packets flow all the time: what the server got is what
 * was sent, to the byte. A window that had arrived when its agent was killed before it knew is sent again with the next
 * one; that one then begins before the first has ended, so a window that another one overlaps is not counted here.
 */

import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { mountBpfFileSystem, unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { udpFrame } from '../support/frames.ts';
import { attachedProgramCount, sendFrame } from '../support/native.ts';
import {
  createNetworkNamespace,
  type NetworkNamespace,
  removeNetworkNamespaces,
} from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { type Agent, runAgent, type Sink, startAgent, startSink, sumsBy, until } from './agent.ts';

const METRIC = 'beyla.network.flow.bytes';
const FLOWS = 40;
/** Far below what the kernel's backlog holds. */
const BATCH = 5;

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

const frames = Array.from({ length: FLOWS }, (_, at) =>
  udpFrame({ src: '192.0.2.1', dst: '198.51.100.1', srcPort: 4000 + at, dstPort: 53, payloadBytes: 100 + at }),
);

const configWith = (pinPath: string, keys = '', intervalMs = 100) => `
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
async function hosts(t: ExecutionContext) {
  const [host, peer] = [createNetworkNamespace(), createNetworkNamespace()];
  for (const { run } of [host, peer]) run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
  join(host, peer, 'eth0');
  const sink = await startSink(host);
  t.teardown(sink.stop);
  return { host, peer, sink, pinPath: `${mountBpfFileSystem()}/weir` };
}

function join(host: NetworkNamespace, peer: NetworkNamespace, name: string): void {
  host.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', peer.name);
  for (const { run } of [host, peer]) run('ip', 'link', 'set', name, 'up');
}

/** Sends on interfaces all the time, frames to nobody, which count where they come in. */
function createTraffic(peer: NetworkNamespace) {
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
function received(points: readonly ReceivedPoint[]) {
  const windows = Map.groupBy(points, ({ startNs, timeNs }) => `${startNs} ${timeNs}`);
  const inOrder = [...windows.values()];
  const kept = inOrder.filter((window, at) => {
    const next = inOrder[at + 1]?.[0];
    return next === undefined || next.startNs >= window[0]!.timeNs;
  });
  return { bytes: sumsBy(kept.flat(), METRIC, ['iface']), repeated: inOrder.length - kept.length };
}

const attached = (agent: Agent, name: string) =>
  [...agent.said().matchAll(/\tInterfaces changed\.\t(\{.*\})$/gm)].some(([, fields = '']) =>
    (JSON.parse(fields) as { attached: string[] }).attached.includes(name),
  );

const total = (sink: Sink) => [...sumsBy(sink.points(), METRIC, []).values()].reduce((sum, bytes) => sum + bytes, 0);

/** Returns the bytes. */
function send(peer: NetworkNamespace, name: string, count: number): number {
  const frame = frames[count % FLOWS]!;
  sendFrame({ networkNamespace: peer.name, interface: name, frame, count });
  return count * frame.length;
}

/** From the lines at the end: bytes by figure, of one interface. */
function ledgerOf(stderr: string, name: string): Record<string, number> {
  const line = new RegExp(`^ledger {2}${name} +(.*)$`, 'm').exec(stderr)?.[1] ?? '';
  const figures = line.matchAll(/(seen|exported|filtered|lost|in_table) ([\d,]+)/g);
  return Object.fromEntries([...figures].map(([, what = '', value = '']) => [what, Number(value.replaceAll(',', ''))]));
}

/** Takes the pins away, as a user does; returns how many programs still hang on eth0. */
async function leftBehind(host: NetworkNamespace, pinPath: string): Promise<number> {
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

for (const backend of ['tcx', 'tc'] as const) {
  const keys = `, traffic_control_backend: ${backend}`;

  test(`with ${backend}, agents killed at any moment lose nothing while interfaces come and go`, async (t) => {
    t.timeout(240_000);
    const { host, peer, sink, pinPath } = await hosts(t);
    const config = configWith(pinPath, keys);
    const traffic = createTraffic(peer);
    let agent = await startAgent(host, config);
    traffic.start('eth0');
    const kills = 8;
    for (let kill = 0; kill < kills; kill++) {
      const name = `veth${kill}`;
      join(host, peer, name);
      await until(`${name} is counted on`, () => attached(agent, name));
      traffic.start(name);
      await delay(randomInt(300));
      await agent.kill();
      if (kill % 2 === 0) {
        // Gone while nobody looks.
        traffic.stop(name);
        await delay(5);
        host.run('ip', 'link', 'delete', name);
      }
      const early = runAgent(host, config);
      await delay(randomInt(900));
      early.child.kill('SIGKILL');
      await early.ended;
      agent = await startAgent(host, config);
      t.regex(agent.said(), /Took over a table that was counting/);
    }
    const before = sink.points().length;
    await until('another window has arrived', () => sink.points().length > before);
    const sent = await traffic.end();
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.is(await leftBehind(host, pinPath), 0);

    const { bytes, repeated } = received(sink.points());
    t.deepEqual(bytes, sent);
    t.log(`${repeated} of ${2 * kills} kills came between arrival and commit`);
    t.true(repeated <= 2 * kills);
  });
}

test('a window that had arrived when its agent was killed unaware comes again, whole, and nothing else does', async (t) => {
  const { host, peer, sink, pinPath } = await hosts(t);
  const config = configWith(pinPath);
  const killed = await startAgent(host, config);
  let sent = send(peer, 'eth0', 3);
  await until('the first window has arrived', () => total(sink) === sent);
  sink.hold();
  const onItsWay = send(peer, 'eth0', 5);
  await until('the second one has, too', () => total(sink) === sent + onItsWay);
  sent += onItsWay + send(peer, 'eth0', 7);
  await killed.kill();
  sent += send(peer, 'eth0', 11);
  sink.answer();
  const next = await startAgent(host, config);
  sent += send(peer, 'eth0', 13);
  await until('all has arrived', () => total(sink) === sent + onItsWay);
  const { code, stderr } = await next.stop();
  t.is(code, 0, stderr);
  t.is(total(sink), sent + onItsWay);
  const { bytes, repeated } = received(sink.points());
  t.is(bytes.get('eth0'), sent);
  t.is(repeated, 1);
  t.is(await leftBehind(host, pinPath), 0);
});

test('while the server refuses, agents may be killed and stopped, and nothing is lost or comes twice', async (t) => {
  const { host, peer, sink, pinPath } = await hosts(t);
  const config = configWith(pinPath);
  sink.refuse();
  const killed = await startAgent(host, config);
  let sent = send(peer, 'eth0', 3);
  await until('it was refused', () => killed.said().includes('Will retry'));
  await killed.kill();
  sent += send(peer, 'eth0', 5);
  const stopped = await startAgent(host, config);
  await until('it was refused, too', () => stopped.said().includes('Will retry'));
  const unknown = send(peer, 'eth0', 7);
  const ended = await stopped.stop();
  t.is(ended.code, 0, ended.stderr);
  t.regex(ended.stderr, /warn.*The last window was not acknowledged: it stays in the table/);
  t.deepEqual(ledgerOf(ended.stderr, 'eth0'), { seen: sent, exported: 0, filtered: 0, lost: 0, in_table: sent });
  sent += unknown + send(peer, 'eth0', 11);
  sink.accept();
  const last = await startAgent(host, config);
  await until('all has arrived', () => total(sink) === sent);
  const { stderr } = await last.stop();
  t.deepEqual(ledgerOf(stderr, 'eth0'), { seen: sent, exported: sent, filtered: 0, lost: 0 });
  t.is(total(sink), sent);
  t.is(await leftBehind(host, pinPath), 0);
});
