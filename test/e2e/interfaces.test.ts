/**
 * Interfaces that come, go and change under a running agent: every byte that crossed one while it was there is in the
 * ledger under its name, and nothing is left of it when it is gone. What is sent are frames to nobody, which no host
 * answers, so each counts once, where it comes in.
 */

import { readdirSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { ETHERTYPE_IPV4, ethernet, ipv4, words } from '../support/frames.ts';
import { attachedProgramCount, sendFrame } from '../support/native.ts';
import {
  createNetworkNamespace,
  disableIpv6,
  type NetworkNamespace,
  removeNetworkNamespaces,
} from '../support/network-namespace.ts';
import { type Agent, startAgent, startSink, sumsBy, until } from './agent.ts';

const UDP = 17;
const FRAME = ethernet(
  ETHERTYPE_IPV4,
  ipv4({ src: '192.0.2.1', dst: '198.51.100.1', protocol: UDP }, words(4000, 5000, 8 + 100, 0, ...Array(50).fill(0))),
);
/** For hundreds of interfaces at some 20 ms each, on a machine that does much else. */
const BATCH_PATIENCE_MS = 120_000;
const BATCH = 500;
const METRIC = 'beyla.network.flow.bytes';

test.after.always(removeNetworkNamespaces);

const config = (keys: string, exporter = 'debug', settings = '{}') => `
receivers:
  ebpf_network: {cache_active_timeout: 100ms${keys}}
exporters: {${exporter}: ${settings}}
service:
  telemetry: {logs: {level: debug}, metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], exporters: [${exporter}]}}
`;

/** The agent's host and what is joined to it; nothing crosses a wire but what the test sends. */
function hosts() {
  const [host, peer] = [createNetworkNamespace(), createNetworkNamespace()];
  for (const namespace of [host, peer]) disableIpv6(namespace);
  return { host, peer };
}

const batch = ({ run }: NetworkNamespace, lines: readonly string[]) =>
  run('sh', '-c', `ip -batch - <<'END'\n${lines.join('\n')}\nEND`);

/** A veth of the host with its other end at the peer, under the same name. */
const create = (name: string, peer: NetworkNamespace) =>
  `link add ${name} type veth peer name ${name} netns ${peer.name}`;
const up = (name: string) => `link set ${name} up`;

function join(host: NetworkNamespace, peer: NetworkNamespace, name: string): void {
  batch(host, [create(name, peer), up(name)]);
  batch(peer, [up(name)]);
}

/** Returns the bytes. */
function send(from: NetworkNamespace, name: string, count: number): number {
  sendFrame({ networkNamespace: from.name, interface: name, frame: FRAME, count });
  return count * FRAME.length;
}

/** The kernel notices a moment after an end came up; until then it drops what the other end sends. */
const wireIsUp = ({ run }: NetworkNamespace, name: string) =>
  until(`${name} is up`, () => run('cat', `/sys/class/net/${name}/operstate`).trim() === 'up');

/** Names that the agent has said it attached to or detached from, as often as it has. */
function said(agent: Agent, what: 'attached' | 'detached'): string[] {
  const lines = agent.said().matchAll(/\tInterfaces changed\.\t(\{.*\})$/gm);
  return [...lines].flatMap(([, fields = '']) => (JSON.parse(fields) as Record<typeof what, string[]>)[what]);
}

const times = (agent: Agent, what: 'attached' | 'detached', name: string) =>
  said(agent, what).filter((other) => other === name).length;

/** Indexes of the interfaces whose packets count as they come in, as the agent said last. */
function covered(agent: Agent): number[] {
  const last = [...agent.said().matchAll(/count as they come in\.\t(\{.*\})$/gm)].at(-1)?.[1];
  return last === undefined ? [] : (JSON.parse(last) as { indexes: number[] }).indexes;
}

/** Bytes seen, by interface, from the lines at the end; the rest of each line says that all of it was exported. */
function seenOf(t: ExecutionContext, stderr: string): Map<string, number> {
  const lines = [...stderr.matchAll(/^ledger {2}(\S+) +seen (\S+) B {2}\S+ pkt {3}exported (\S+)(?: B)? .*lost 0$/gm)];
  for (const [line, , seen, exported] of lines) t.is(exported, seen, line);
  return new Map(lines.map(([, name = '', seen = '']) => [name, Number(seen.replaceAll(',', ''))]));
}

for (const [how, keys] of [
  ['the kernel says so', ''],
  ['it looks', ', listen_interfaces: poll, listen_poll_period: 100ms'],
] as const) {
  test(`an agent on an empty host counts interfaces as they come, since ${how}, and keeps their counts`, async (t) => {
    const { host, peer } = hosts();
    const agent = await startAgent(host, config(keys));
    t.regex(agent.said(), /\twarn\tNothing is counted until an interface comes that fits\./);
    join(host, peer, 'veth1');
    await until('veth1 is counted on', () => times(agent, 'attached', 'veth1') === 1);
    t.is(attachedProgramCount(host.name, 'veth1'), 2);
    const first = send(peer, 'veth1', 7);
    host.run('ip', 'link', 'delete', 'veth1');
    await until('veth1 is given up', () => times(agent, 'detached', 'veth1') === 1);
    join(host, peer, 'veth2');
    await until('veth2 is counted on', () => times(agent, 'attached', 'veth2') === 1);
    const second = send(peer, 'veth2', 11);
    join(host, peer, 'veth1');
    await until('another veth1 is counted on', () => times(agent, 'attached', 'veth1') === 2);
    const third = send(peer, 'veth1', 13);
    const { code, stderr } = await agent.stop();
    t.is(code, 0);
    t.deepEqual(
      seenOf(t, stderr),
      new Map([
        ['veth1', first + third],
        ['veth2', second],
      ]),
    );
  });
}

test('an interface is counted on while it is still down, so its own counters have not a byte more', async (t) => {
  const [host, peer] = [createNetworkNamespace(), createNetworkNamespace()];
  const agent = await startAgent(host, config(''));
  batch(host, [create('veth1', peer)]);
  await until('veth1 is counted on', () => times(agent, 'attached', 'veth1') === 1);
  t.is(host.statistics('veth1').txPackets, 0);
  // Neighbours that are known: a question about one, as the device goes down, is seen and not sent.
  const known = (address: string, { run }: NetworkNamespace) =>
    `neighbour add ${address} lladdr ${run('cat', '/sys/class/net/veth1/address').trim()} dev veth1 nud permanent`;
  batch(host, ['address add 10.1.0.1/24 dev veth1', known('10.1.0.2', peer), up('veth1')]);
  batch(peer, ['address add 10.1.0.2/24 dev veth1', known('10.1.0.1', host), up('veth1')]);
  // What the two hosts say to each other as they come up, and what they are asked to.
  host.run('ping', '-c', '20', '-i', '0.002', '-W', '5', '10.1.0.2');
  batch(host, ['link set veth1 down']);
  const { rxBytes, txBytes } = host.statistics('veth1');
  const { code, stderr } = await agent.stop();
  t.is(code, 0);
  t.deepEqual(
    [...stderr.matchAll(/^ledger {2}veth1 +seen (\S+) B/gm)].map(([, seen = '']) => seen.replaceAll(',', '')),
    [`${rxBytes + txBytes}`],
  );
});

test('a new name holds from then on, and an interface that goes down and up counts on', async (t) => {
  const { host, peer } = hosts();
  join(host, peer, 'veth1');
  const sink = await startSink(host);
  t.teardown(sink.stop);
  const exporter = ['otlp_grpc', '{endpoint: "127.0.0.1:4317", tls: {insecure: true}}'] as const;
  const agent = await startAgent(host, config('', ...exporter));
  const received = () => sumsBy(sink.points(), METRIC, ['iface']);

  const before = send(peer, 'veth1', 5);
  await until('the flow has arrived', () => received().get('veth1') === before);
  host.run('ip', 'link', 'set', 'veth1', 'down');
  host.run('ip', 'link', 'set', 'veth1', 'name', 'lan0');
  host.run('ip', 'link', 'set', 'lan0', 'up');
  await until('the name is known', () => agent.said().includes('"before":"veth1","interface":"lan0"'));
  await wireIsUp(peer, 'veth1');
  const after = send(peer, 'veth1', 9);

  const { code, stderr } = await agent.stop();
  t.is(code, 0);
  const expected = new Map([
    ['veth1', before],
    ['lan0', after],
  ]);
  t.deepEqual(seenOf(t, stderr), expected);
  t.deepEqual(received(), expected);
  t.deepEqual(said(agent, 'detached'), []);
});

test('an interface in another namespace is not counted, and counted again when it is back', async (t) => {
  const { host, peer } = hosts();
  const elsewhere = createNetworkNamespace();
  join(host, peer, 'veth1');
  const agent = await startAgent(host, config(''));
  const first = send(peer, 'veth1', 3);
  host.run('ip', 'link', 'set', 'veth1', 'netns', elsewhere.name);
  await until('veth1 is given up', () => times(agent, 'detached', 'veth1') === 1);
  batch(elsewhere, [up('veth1')]);
  send(peer, 'veth1', 100);
  elsewhere.run('ip', 'link', 'set', 'veth1', 'netns', host.name);
  await until('veth1 is counted on again', () => times(agent, 'attached', 'veth1') === 1);
  batch(host, [up('veth1')]);
  await wireIsUp(peer, 'veth1');
  const second = send(peer, 'veth1', 5);
  const { stderr } = await agent.stop();
  t.deepEqual(seenOf(t, stderr), new Map([['veth1', first + second]]));
});

test('what comes by a port that joined a bridge later counts once on its way through', async (t) => {
  const { host, peer: outside } = hosts();
  const pod = createNetworkNamespace();
  host.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  join(host, outside, 'up0');
  batch(host, ['address add 10.1.0.1/24 dev up0', 'link add br0 type bridge', up('br0')]);
  batch(host, ['address add 10.2.0.1/24 dev br0']);
  batch(outside, ['address add 10.1.0.2/24 dev up0', 'route add default via 10.1.0.1']);
  const sink = await startSink(host);
  t.teardown(sink.stop);
  const exporter = ['otlp_grpc', '{endpoint: "127.0.0.1:4317", tls: {insecure: true}}'] as const;
  const agent = await startAgent(host, config(', protocols: [ICMP]', ...exporter));

  join(host, pod, 'pod0');
  await until('pod0 is counted on', () => times(agent, 'attached', 'pod0') === 1);
  batch(host, ['link set pod0 master br0']);
  batch(pod, ['address add 10.2.0.2/24 dev pod0', 'route add default via 10.2.0.1']);
  const [{ ifindex }] = JSON.parse(host.run('ip', '-json', 'link', 'show', 'br0')) as [{ ifindex: number }];
  await until('the bridge is covered', () => covered(agent).includes(ifindex));
  const echoes = 20;
  pod.run('ping', '-c', `${echoes}`, '-i', '0.002', '-W', '5', '10.1.0.2');

  t.is((await agent.stop()).code, 0);
  const bytes = echoes * 98;
  t.deepEqual(Object.fromEntries(sumsBy(sink.points(), METRIC, ['iface', 'iface.direction', 'src.address'])), {
    'pod0 ingress 10.2.0.2': bytes,
    'up0 ingress 10.1.0.2': bytes,
  });
});

test('hundreds at once are counted and given up, to the byte and to the descriptor', async (t) => {
  const { host, peer } = hosts();
  const agent = await startAgent(host, config(', direction: ingress'));
  const descriptors = () => readdirSync(`/proc/${agent.pid}/fd`).length;
  const before = descriptors();
  const names = Array.from({ length: BATCH }, (_, at) => `veth${at}`);
  batch(
    host,
    names.flatMap((name) => [create(name, peer), up(name)]),
  );
  batch(peer, names.map(up));
  await until('all are counted on', () => said(agent, 'attached').length === BATCH, BATCH_PATIENCE_MS);
  t.deepEqual(new Set(said(agent, 'attached')), new Set(names));
  const sent = new Map(names.map((name, at) => [name, send(peer, name, 1 + (at % 7))]));
  // The other ends go with their namespace, and a veth goes with its other end.
  peer.remove();
  await until('all are given up', () => said(agent, 'detached').length === BATCH, BATCH_PATIENCE_MS);
  await until('all descriptors are closed', () => descriptors() === before);
  const { code, stderr } = await agent.stop();
  t.is(code, 0);
  t.deepEqual(seenOf(t, stderr), sent);
});
