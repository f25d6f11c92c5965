/**
 * Where a node translates addresses, both directions of a connection name the client and the server that answers, with
 * what the packets showed beside it, and every byte counts once. A node between two pods and the outside, with rules of
 * nftables such as kube-proxy and a masquerade make; every source sees the same traffic.
 *
 * long: the node, its rules and the ways through them belong together.
 */

import test, { type ExecutionContext } from 'ava';
import {
  createNetworkNamespace,
  joinByVeth,
  NFT,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import {
  type Dialled,
  type Exchange,
  type Family,
  icmpEchoes,
  tcpTransfer,
  udpDatagrams,
  type WireAmount,
} from '../support/traffic.ts';
import { everySource, FLOW, observe, type Run, sourceNames, totalsBy } from './every-source.ts';

const SERVICE = { ipv4: '10.96.0.10', ipv6: 'fd00:96::10' } as const;
const SERVICE_PORT = 80;
const NODE_PORT = 30_080;
const TCP_BYTES = 300_000;
const NAT = ['src.nat.address', 'src.nat.port', 'dst.nat.address', 'dst.nat.port'];
const ATTRIBUTES = [...FLOW, ...NAT, 'direction'];

test.after.always(removeNetworkNamespaces);

const node = createNetworkNamespace();
const [pod, atPod] = joinToNode();
const [otherPod, atOtherPod] = joinToNode();
const [outside, uplink] = joinToNode();
for (const each of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
  node.run('sh', '-c', `echo 1 > /proc/sys/net/${each}`);
}
// Traffic of the node itself to the Service leaves by here, until it is translated.
for (const family of ['ipv4', 'ipv6'] as const) {
  node.run('ip', 'route', 'add', SERVICE[family], 'via', outside[family]);
}

/** A host whose way out is the node; the node's end of the wire. */
function joinToNode(): readonly [VethEnd, VethEnd] {
  const host = createNetworkNamespace();
  const [inside, atNode] = joinByVeth(host, node);
  for (const family of ['ipv4', 'ipv6'] as const) host.run('ip', 'route', 'add', 'default', 'via', atNode[family]);
  return [inside, atNode];
}

/** Which rule of the node a way goes through. */
interface Rules {
  /** Address and port that stand for the server. */
  readonly dialled?: (family: Family) => Dialled;
  /** Interface behind which the node shows itself instead of the client. */
  readonly masqueraded?: VethEnd;
}

interface Way extends Rules {
  readonly client: VethEnd;
  readonly server: VethEnd;
  /** What the packets show where they are counted; an end that is not named shows the true one. */
  readonly shown: { readonly requestTo?: 'dialled'; readonly responseTo?: VethEnd };
  /** Its segments cannot be told from others: both ends are one host, or the agent speaks TCP on it, too. */
  readonly withoutTcp?: true;
}

const service = (family: Family): Dialled => ({ address: SERVICE[family], port: SERVICE_PORT });
const nodePort = (family: Family): Dialled => ({ address: uplink[family], port: NODE_PORT });

const ways: Readonly<Record<string, Way>> = {
  'to a Service': { client: pod, server: otherPod, dialled: service, shown: { requestTo: 'dialled' } },
  'to a Service, masqueraded': {
    client: pod,
    server: otherPod,
    dialled: service,
    masqueraded: atOtherPod,
    shown: { requestTo: 'dialled', responseTo: atOtherPod },
  },
  'to the outside, masqueraded': { client: pod, server: outside, masqueraded: uplink, shown: { responseTo: uplink } },
  'to itself by a Service': {
    client: pod,
    server: pod,
    dialled: service,
    masqueraded: atPod,
    shown: { requestTo: 'dialled', responseTo: atPod },
    withoutTcp: true,
  },
  'from the outside to a port of the node': {
    client: outside,
    server: otherPod,
    dialled: nodePort,
    shown: { requestTo: 'dialled' },
  },
  // What is born here is counted where it leaves, when it is translated already.
  'from the node to a Service': { client: uplink, server: otherPod, dialled: service, shown: {}, withoutTcp: true },
};

/** Rules of the node for one way, and none of the ways before. */
function translate({ server, dialled, masqueraded }: Way, family: Family, transport: string, serverPort: number): void {
  const ip = family === 'ipv4' ? 'ip' : 'ip6';
  const to = dialled?.(family);
  const host = family === 'ipv4' ? server.ipv4 : `[${server.ipv6}]`;
  const towards = to && `${ip} daddr ${to.address} ${transport} dport ${to.port} dnat ${ip} to ${host}:${serverPort};`;
  const from = masqueraded && `oifname ${masqueraded.name} masquerade;`;
  node.run(
    NFT,
    `flush ruleset
    table inet translation {
      chain incoming { type nat hook prerouting priority -100; ${towards ?? ''} }
      chain local { type nat hook output priority -100; ${towards ?? ''} }
      chain leaving { type nat hook postrouting priority 100; ${from ?? ''} }
    }`,
  );
}

const UNKNOWN = '-';

/** The two flows of an exchange as they must be counted, by the attributes. */
function flowsOf({ client, server, shown, dialled }: Way, family: Family, transport: string, exchange: Exchange) {
  const { clientPort, serverPort, request, response } = exchange;
  const [from, to] = [`${client[family]} ${clientPort}`, `${server[family]} ${serverPort}`];
  const translated = `${UNKNOWN} ${UNKNOWN}`;
  const service = shown.requestTo && dialled!(family);
  const requestTo = service === undefined ? translated : `${service.address} ${service.port}`;
  const responseTo = shown.responseTo === undefined ? translated : `${shown.responseTo[family]} ${clientPort}`;
  return [
    [`${transport} ${from} ${to} ${translated} ${requestTo} request`, request],
    [`${transport} ${to} ${from} ${translated} ${responseTo} response`, response],
  ] as const;
}

/** Sends over one way by each transport; resolves with what must have been counted. */
async function sendOver(way: Way, family: Family): Promise<Map<string, WireAmount>> {
  const dialFor = (transport: string) => (serverPort: number) => {
    translate(way, family, transport, serverPort);
    return way.dialled?.(family) ?? { address: way.server[family], port: serverPort };
  };
  const ends = { client: way.client, server: way.server, family };
  const udp = await udpDatagrams({
    ...ends,
    dial: dialFor('udp'),
    datagrams: 100,
    payloadBytes: 500,
    answered: true,
  });
  const flows = [...flowsOf(way, family, 'UDP', udp)];
  if (way.withoutTcp !== true) {
    const tcp = await tcpTransfer({ ...ends, dial: dialFor('tcp'), bytes: TCP_BYTES });
    flows.push(...flowsOf(way, family, 'TCP', tcp));
  }
  return new Map(flows);
}

const config = (keys = '') => everySource(keys, [...NAT, 'direction']);

function hasCounted(t: ExecutionContext, run: Run, expected: ReadonlyMap<string, WireAmount>, transports: RegExp) {
  for (const name of sourceNames) {
    const { packets, bytes } = totalsBy(run, name, ATTRIBUTES);
    const counted = (sums: ReadonlyMap<string, number>) =>
      Object.fromEntries([...sums].filter(([key]) => transports.test(key)).sort());
    const sent = (figure: keyof WireAmount) =>
      Object.fromEntries([...expected].map(([key, amount]) => [key, amount[figure]] as const).sort());
    t.deepEqual(counted(packets), sent('segments'), `packets by ${name}`);
    t.deepEqual(counted(bytes), sent('wireBytes'), `bytes by ${name}`);
  }
}

for (const family of ['ipv4', 'ipv6'] as const) {
  for (const [title, way] of Object.entries(ways)) {
    test.serial(`${title}, both directions name the true ends and count once, by ${family}`, async (t) => {
      let expected = new Map<string, WireAmount>();
      const run = await observe(t, node, config(), async () => {
        expected = await sendOver(way, family);
      });
      hasCounted(t, run, expected, /^(TCP|UDP) /);
    });
  }
}

for (const family of ['ipv4', 'ipv6'] as const) {
  test.serial(`echoes through a masquerade name the true ends and count once, by ${family}`, async (t) => {
    const way = { ...ways['to the outside, masqueraded']!, family };
    const transport = family === 'ipv4' ? 'ICMP' : 'ICMPv6';
    let expected = new Map<string, WireAmount>();
    const run = await observe(t, node, config(), async () => {
      translate(way, family, 'icmp', 0);
      const { request, response } = icmpEchoes({ ...way, echoes: 20, payloadBytes: 100 });
      const [from, to] = [way.client[family], way.server[family]];
      expected = new Map([
        [`${transport} ${from} - ${to} - - - - - request`, request],
        [`${transport} ${to} - ${from} - - - ${uplink[family]} - response`, response],
      ]);
    });
    // Neighbour discovery between the node and the hosts is ICMPv6 as well.
    const between = [way.client, way.server].map((end) => `(?=.* ${end[family]} )`).join('');
    hasCounted(t, run, expected, new RegExp(`^${transport}${between}`));
  });
}

test.serial('echoes of two hosts behind one address cannot be told apart, and stay as they are seen', async (t) => {
  const way = ways['to the outside, masqueraded']!;
  const ends = { server: way.server, family: 'ipv4', echoes: 20, payloadBytes: 100 } as const;
  let answers = 0;
  const run = await observe(t, node, config(), async () => {
    translate(way, 'ipv4', 'icmp', 0);
    for (const client of [pod, uplink]) answers += icmpEchoes({ ...ends, client }).response.segments;
  });
  for (const name of sourceNames) {
    const { packets } = totalsBy(run, name, ['transport', 'src.address']);
    t.is(packets.get(`ICMP ${outside.ipv4}`), answers, name);
  }
});

test.serial('with nat: none flows name what their packets show', async (t) => {
  const way = ways['to a Service']!;
  let exchange: Exchange | undefined;
  const run = await observe(t, node, config(', nat: none'), async () => {
    const dial = (serverPort: number) => {
      translate(way, 'ipv4', 'udp', serverPort);
      return service('ipv4');
    };
    const ends = { client: pod, server: otherPod, family: 'ipv4', dial } as const;
    exchange = await udpDatagrams({ ...ends, datagrams: 10, payloadBytes: 100 });
  });
  const seen = `UDP ${pod.ipv4} ${exchange!.clientPort} ${SERVICE.ipv4} ${SERVICE_PORT}`;
  for (const name of sourceNames) {
    const { packets } = totalsBy(run, name, [...FLOW, ...NAT]);
    t.deepEqual(
      [...packets].filter(([flow]) => flow.startsWith('UDP')),
      [[`${seen} - - - -`, 10]],
      name,
    );
  }
});
