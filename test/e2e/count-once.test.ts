/**
 * Each packet that crosses a node is counted exactly once, whatever way it takes and whatever source counts. A node
 * with two pods on a bridge, a macvlan, a VXLAN tunnel and an uplink; every source must have the truth to the byte and the
 * packet.
 *
 * long: the node, the ways across it and what each run counts of them belong together.
 */

import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HookKind } from '../../native/index.ts';
import { longerWhenEmulated } from '../support/emulated.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import { icmpEchoes, udpDatagrams, type WireAmount } from '../support/traffic.ts';
import { everySource, FLOW, observe, type Run, sourceNames, totalsBy } from './every-source.ts';

const PATIENCE_MS = longerWhenEmulated(30_000);
const POLL_MS = 100;

test.after.always(removeNetworkNamespaces);

/** Two ends of a way; both may be on the node. */
type Way = Readonly<Record<'client' | 'server', VethEnd>>;

const node = createNetworkNamespace();
const external = createNetworkNamespace();
const [uplink, beyond] = joinByVeth(node, external);
const bridge: VethEnd = { ...uplink, name: 'br0', ipv4: '10.99.0.1' };
const pods = bridgedPods(2);
const macvlanPod = podOnMacvlan();
const [tunnelHere, tunnelThere] = tunnel();
const loopback: VethEnd = { ...uplink, name: 'lo', ipv4: '127.0.0.1' };

const ways = {
  'pod to pod': { client: pods[0]!, server: pods[1]! },
  'pod to external': { client: pods[0]!, server: beyond },
  'external to pod': { client: beyond, server: pods[1]! },
  'host to pod': { client: bridge, server: pods[1]! },
  'host to external': { client: uplink, server: beyond },
  'macvlan to external': { client: macvlanPod, server: beyond },
  'through the tunnel': { client: tunnelHere, server: tunnelThere },
} as const satisfies Record<string, Way>;

function bridgedPods(count: number): VethEnd[] {
  node.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  node.run('ip', 'address', 'add', `${bridge.ipv4}/24`, 'dev', 'br0');
  node.run('ip', 'link', 'set', 'br0', 'up');
  node.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  external.run('ip', 'route', 'add', '10.99.0.0/24', 'via', uplink.ipv4);
  return Array.from({ length: count }, (_, position) => {
    const pod = createNetworkNamespace();
    const [inside, outside] = joinByVeth(pod, node);
    const ipv4 = `10.99.0.${position + 2}`;
    node.run('ip', 'address', 'flush', 'dev', outside.name);
    node.run('ip', 'link', 'set', outside.name, 'master', 'br0');
    pod.run('ip', 'address', 'flush', 'dev', inside.name);
    pod.run('ip', 'address', 'add', `${ipv4}/24`, 'dev', inside.name);
    pod.run('ip', 'route', 'add', 'default', 'via', bridge.ipv4);
    return { ...inside, ipv4 };
  });
}

function podOnMacvlan(): VethEnd {
  const pod = createNetworkNamespace();
  const ipv4 = uplink.ipv4.replace(/\d+$/, '77');
  node.run('ip', 'link', 'add', 'mv0', 'link', uplink.name, 'netns', pod.name, 'type', 'macvlan', 'mode', 'bridge');
  pod.run('ip', 'address', 'add', `${ipv4}/24`, 'dev', 'mv0');
  pod.run('ip', 'link', 'set', 'mv0', 'up');
  return { ...uplink, namespace: pod, name: 'mv0', ipv4 };
}

function tunnel(): readonly [VethEnd, VethEnd] {
  const end = (here: VethEnd, there: VethEnd, ipv4: string): VethEnd => {
    const remote = ['local', here.ipv4, 'remote', there.ipv4, 'dstport', '4789', 'dev', here.name];
    here.namespace.run('ip', 'link', 'add', 'vxlan0', 'type', 'vxlan', 'id', '7', ...remote);
    here.namespace.run('ip', 'address', 'add', `${ipv4}/24`, 'dev', 'vxlan0');
    here.namespace.run('ip', 'link', 'set', 'vxlan0', 'up');
    return { ...here, name: 'vxlan0', ipv4 };
  };
  return [end(uplink, beyond, '10.98.0.1'), end(beyond, uplink, '10.98.0.2')];
}

/** What was sent, by flow: of each way a request and a response. */
interface Sent {
  readonly request: ReadonlyMap<string, WireAmount>;
  readonly response: ReadonlyMap<string, WireAmount>;
}

async function sendBothWays({ client, server }: Way): Promise<Sent> {
  const way = { client, server, family: 'ipv4' } as const;
  const udp = await udpDatagrams({ ...way, datagrams: 100, payloadBytes: 500 });
  const icmp = icmpEchoes({ ...way, echoes: 20, payloadBytes: 100 });
  const [from, to] = [client.ipv4, server.ipv4];
  return {
    request: new Map([
      [`UDP ${from} ${udp.clientPort} ${to} ${udp.serverPort}`, udp.request],
      [`ICMP ${from} - ${to} -`, icmp.request],
    ]),
    response: new Map([[`ICMP ${to} - ${from} -`, icmp.response]]),
  };
}

function hasTimes(t: ExecutionContext, run: Run, sent: ReadonlyMap<string, WireAmount>, times: number, way = '') {
  for (const name of sourceNames) {
    const { bytes, packets } = totalsBy(run, name, FLOW);
    for (const [flow, amount] of sent) {
      t.is(packets.get(flow) ?? 0, times * amount.segments, `${way}: packets of ${flow} by ${name}`);
      t.is(bytes.get(flow) ?? 0, times * amount.wireBytes, `${way}: bytes of ${flow} by ${name}`);
    }
  }
}

type Times = Readonly<Record<keyof typeof ways, readonly [request: 0 | 1, response: 0 | 1]>>;

const runs: readonly { title: string; keys: string; times: Times }[] = [
  {
    title: 'on every leaf device each packet counts once',
    keys: '',
    times: {
      'pod to pod': [1, 1],
      'pod to external': [1, 1],
      'external to pod': [1, 1],
      'host to pod': [1, 1],
      'host to external': [1, 1],
      'macvlan to external': [1, 1],
      'through the tunnel': [1, 1],
    },
  },
  {
    title: 'on the uplink alone what crosses it counts once',
    keys: `, interfaces: [${uplink.name}]`,
    times: {
      'pod to pod': [0, 0],
      'pod to external': [1, 1],
      'external to pod': [1, 1],
      'host to pod': [0, 0],
      'host to external': [1, 1],
      'macvlan to external': [1, 1],
      'through the tunnel': [0, 0],
    },
  },
  {
    title: 'with direction: egress what leaves an interface counts once',
    keys: ', direction: egress',
    times: {
      'pod to pod': [1, 1],
      'pod to external': [1, 1],
      'external to pod': [1, 1],
      'host to pod': [1, 0],
      'host to external': [1, 0],
      'macvlan to external': [1, 0],
      'through the tunnel': [1, 0],
    },
  },
];

for (const { title, keys, times } of runs) {
  test.serial(`${title}, by every source`, async (t) => {
    const sent = new Map<keyof Times, Sent>();
    const run = await observe(t, node, everySource(keys), async () => {
      for (const [way, ends] of Object.entries(ways)) sent.set(way as keyof Times, await sendBothWays(ends));
    });
    for (const [way, { request, response }] of sent) {
      hasTimes(t, run, request, times[way][0], `${way}, request`);
      hasTimes(t, run, response, times[way][1], `${way}, response`);
    }
  });
}

test.serial('between two local processes a packet counts once, on the loopback', async (t) => {
  let sent: Sent | undefined;
  const run = await observe(t, node, everySource(', interfaces: [lo], exclude_interfaces: []'), async () => {
    sent = await sendBothWays({ client: loopback, server: loopback });
  });
  const [udp, icmp] = [...sent!.request];
  hasTimes(t, run, new Map([udp!]), 1);
  hasTimes(t, run, new Map([icmp!]), 2, 'a request and a response between the same addresses');
});

test.serial('with deduper: none each interface counts, and the default selection tells them apart', async (t) => {
  let sent: Sent | undefined;
  const hook = ['iface', 'iface.direction'];
  const run = await observe(t, node, everySource(', deduper: none, deduper_fc_ttl: 10s', hook, '{}'), async () => {
    sent = await sendBothWays(ways['pod to external']);
  });
  const [[flow, { segments }]] = [...sent!.request] as [[string, WireAmount]];
  for (const name of sourceNames) {
    const { packets } = totalsBy(run, name, [...FLOW, ...hook]);
    const counted = Object.fromEntries([...packets].filter(([key]) => key.startsWith(flow)));
    const places = ['eth1 ingress', 'br0 ingress', `${uplink.name} egress`];
    t.deepEqual(counted, Object.fromEntries(places.map((place) => [`${flow} ${place}`, segments])), name);
    const bytes = run.points.get(name)?.filter(({ metric }) => metric === 'beyla.network.flow.bytes');
    for (const { attributes } of bytes ?? []) t.deepEqual(Object.keys(attributes).sort(), ['direction', ...hook]);
  }
  t.regex(run.stderr, /deduper_fc_ttl decides nothing/);
});

/** Sums of a figure of the ledger that has these labels, by source; waits until each of `names` has seen so much. */
async function figures(names: readonly HookKind[], name: string, labels: readonly string[], least: number) {
  const script = 'process.stdout.write(await (await fetch("http://localhost:8888/metrics")).text())';
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const lines = node.run(process.execPath, '--input-type=module', '--eval', script).split('\n');
    const found = lines.filter((line) => line.includes(`_${name}{`) && labels.every((label) => line.includes(label)));
    const sumOf = (source: HookKind) =>
      found
        .filter((line) => line.includes(`receiver="ebpf_network/${source}"`))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    const sums = names.map((source) => [source, sumOf(source)] as const);
    if (sums.every(([, value]) => value >= least) || performance.now() > deadlineMs) return Object.fromEntries(sums);
    await delay(POLL_MS);
  }
}

const ofEach = (figure: number) => Object.fromEntries(sourceNames.map((name) => [name, figure]));

const bytesOf = (sent: ReadonlyMap<string, WireAmount>) =>
  [...sent.values()].reduce((sum, { wireBytes }) => sum + wireBytes, 0);

test.serial('what is routed is in the ledger as counted_elsewhere where it leaves, by every source', async (t) => {
  await observe(t, node, everySource(''), async () => {
    const bytes = bytesOf((await sendBothWays(ways['pod to external'])).request);
    const place = ['direction="egress"', `interface="${uplink.name}"`, 'reason="counted_elsewhere"'];
    const filtered = await figures(sourceNames, 'filtered_bytes_total', place, bytes);
    t.deepEqual(filtered, ofEach(bytes));
  });
});

test.serial(
  'the packet socket has what direction leaves out in the ledger, and nothing of other interfaces',
  async (t) => {
    await observe(t, node, everySource(`, interfaces: [${uplink.name}], direction: egress`), async () => {
      await sendBothWays(ways['pod to pod']);
      const bytes = bytesOf((await sendBothWays(ways['host to external'])).response);
      const place = ['direction="ingress"', `interface="${uplink.name}"`, 'reason="direction"'];
      const { socket_filter = 0 } = await figures(['socket_filter'], 'filtered_bytes_total', place, bytes);
      t.true(socket_filter >= bytes);
      const pod = await figures(sourceNames, 'seen_bytes_total', ['interface="eth1"'], 0);
      t.deepEqual(pod, ofEach(0));
    });
  },
);
