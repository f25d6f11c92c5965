/**
 * `netns: all`: what is known of a network namespace beside its packets is asked for in that namespace: its conntrack, its
 * tunnel devices and its addresses.
 */

import test from 'ava';
import { udpFrame } from '../support/frames.ts';
import { sendFrame } from '../support/native.ts';
import {
  createNetworkNamespace,
  disableIpv6,
  joinByVeth,
  NFT,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import { tcpTransfer, udpDatagrams } from '../support/traffic.ts';
import { pointsOfReceiver, startAgent, startSink, sumsBy } from './agent.ts';
import { everySource, observe, sourceNames, totalsBy } from './every-source.ts';
import { seeing } from './named-namespaces.ts';

const SERVICE = { address: '10.96.0.10', port: 80 } as const;
const SHOWN = ['transport', 'src.address', 'src.port', 'dst.address', 'dst.port', 'src.nat.address', 'dst.nat.address'];
const FRAMES = 50;
const modes = ['inner', 'outer', 'both'] as const;

test.after.always(removeNetworkNamespaces);

test('a connection that a named namespace translates has its true ends, both ways, by every source', async (t) => {
  const [host, router] = [createNetworkNamespace(), createNetworkNamespace()];
  joinByVeth(host, createNetworkNamespace(), { quiet: true });
  const [client, atClient] = joinByVeth(createNetworkNamespace(), router, { offload: false });
  const [server, atServer] = joinByVeth(createNetworkNamespace(), router, { offload: false });
  client.namespace.run('ip', 'route', 'add', 'default', 'via', atClient.ipv4);
  router.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  const dial = (transport: string) => (serverPort: number) => {
    const towards = `ip daddr ${SERVICE.address} ${transport} dport ${SERVICE.port} dnat to ${server.ipv4}:${serverPort};`;
    router.run(
      NFT,
      `flush ruleset
      table ip translation {
        chain incoming { type nat hook prerouting priority -100; ${towards} }
        chain leaving { type nat hook postrouting priority 100; oifname ${atServer.name} masquerade; }
      }`,
    );
    return SERVICE;
  };

  const expected = new Map<string, number>();
  const run = await observe(t, seeing(host, { router }), everySource(', netns: all', SHOWN.slice(5)), async () => {
    const ends = { client, server, family: 'ipv4' } as const;
    const tcp = await tcpTransfer({ ...ends, bytes: 300_000, dial: dial('tcp') });
    const udp = await udpDatagrams({ ...ends, datagrams: 50, payloadBytes: 400, dial: dial('udp') });
    for (const [transport, { clientPort, serverPort, request, response }] of [
      ['TCP', tcp],
      ['UDP', udp],
    ] as const) {
      const [from, to] = [`${client.ipv4} ${clientPort}`, `${server.ipv4} ${serverPort}`];
      expected.set(`${transport} ${from} ${to} - ${SERVICE.address}`, request.wireBytes);
      if (transport === 'TCP') expected.set(`${transport} ${to} ${from} - ${atServer.ipv4}`, response.wireBytes);
    }
  });
  for (const source of sourceNames) {
    const { bytes } = totalsBy(run, source, SHOWN);
    const ours = [...bytes].filter(([flow]) => flow.includes(client.ipv4) && !flow.startsWith('ICMP'));
    t.deepEqual(new Map(ours.toSorted()), new Map([...expected].toSorted()), source);
  }
});

const config = `
receivers:
${modes.map((mode) => `  ebpf_network/${mode}: {tunnels: ${mode}, netns: all, cache_active_timeout: 100ms}`).join('\n')}
processors:
  attribute_select:
    select: {beyla_network_flow_packets: {include: [dst.address, dst.port, iface, tunnel]}}
exporters:
  otlp_http: {endpoint: http://127.0.0.1:4318}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [${modes.map((mode) => `ebpf_network/${mode}`)}]
      processors: [attribute_select]
      exporters: [otlp_http]
`;

/** In comes what would carry a VXLAN, where there is a device for it. */
const receive = (here: VethEnd, there: VethEnd) =>
  sendFrame({
    networkNamespace: there.namespace.name,
    interface: there.name,
    frame: udpFrame({ src: there.ipv4, dst: here.ipv4, srcPort: 40_000, dstPort: 4789, payloadBytes: 200 }),
    count: FRAMES,
  });

function addTunnel({ namespace, ipv4, name }: VethEnd): void {
  const ends = ['local', ipv4, 'dstport', '4789', 'dev', name];
  namespace.run('ip', 'link', 'add', 'vxlan0', 'type', 'vxlan', 'id', '7', ...ends);
}

for (const moved of [false, true]) {
  const title = moved
    ? 'a device that was moved to a named namespace carries where it was made'
    : 'a device of a named namespace tells what carries it there, and nothing of the host';
  test(title, async (t) => {
    const [host, edge] = [createNetworkNamespace(), createNetworkNamespace()];
    const [atHost, beyondHost] = joinByVeth(host, createNetworkNamespace(), { quiet: true });
    const [atEdge, beyondEdge] = joinByVeth(edge, createNetworkNamespace(), { quiet: true });
    // The device would announce itself.
    for (const namespace of [host, edge]) disableIpv6(namespace);
    addTunnel(moved ? atHost : atEdge);
    if (moved) host.run('ip', 'link', 'set', 'vxlan0', 'netns', edge.name);
    edge.run('ip', 'link', 'set', 'vxlan0', 'up');
    const sink = await startSink(host);
    t.teardown(sink.stop);
    const agent = await startAgent(seeing(host, { edge }), config);
    receive(atHost, beyondHost);
    receive(atEdge, beyondEdge);
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);

    const [carrying, plain] = moved ? ['eth0', 'eth0@edge'] : ['eth0@edge', 'eth0'];
    for (const mode of modes) {
      const points = await pointsOfReceiver(sink.points(), `ebpf_network/${mode}`);
      const sums = sumsBy(points, 'beyla.network.flow.packets', ['dst.port', 'iface', 'tunnel']);
      const expected = new Map([[`4789 ${plain} -`, FRAMES]]);
      if (mode !== 'inner') expected.set(`4789 ${carrying} vxlan`, FRAMES);
      t.deepEqual(new Map([...sums].toSorted()), new Map([...expected].toSorted()), mode);
    }
    t.is(stderr.match(new RegExp(`^ledger {2}${carrying} .*filtered 12,100 B`, 'gm'))?.length, 1);
  });
}
