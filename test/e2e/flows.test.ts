/**
 * Real traffic between two namespaces, the agent on the server's side: what arrives at real OTLP servers over gRPC and
 * over HTTP is what crossed the wire, for each flow, to the byte and the packet.
 */

import test from 'ava';
import { fewerWhenEmulated, lessWhenEmulated } from '../support/emulated.ts';
import { concatBytes, ETHERTYPE_IPV4, ethernet, ipv4, tcp } from '../support/frames.ts';
import { sendFrame } from '../support/native.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import {
  type Exchange,
  type Family,
  icmpEchoes,
  tcpTransfer,
  udpDatagrams,
  type WireAmount,
} from '../support/traffic.ts';
import { startAgent, startSink, sumsBy, until } from './agent.ts';

const MEGABYTE = 1024 * 1024;
const FLOW = ['transport', 'src.address', 'src.port', 'dst.address', 'dst.port'];
const families: readonly Family[] = ['ipv4', 'ipv6'];

test.after.always(removeNetworkNamespaces);

const config = (processors: readonly string[], window: string) => `
receivers:
  ebpf_network: {cache_active_timeout: ${window}}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [transport, src.address, src.port, dst.address, dst.port, direction]}
      beyla_network_flow_packets: {include: [transport, src.address, src.port, dst.address, dst.port, direction]}
  delta_to_cumulative:
exporters:
  otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}
  otlp_http: {endpoint: http://127.0.0.1:4318}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics/grpc: {receivers: [ebpf_network], processors: [${processors}], exporters: [otlp_grpc]}
    metrics/http: {receivers: [ebpf_network], processors: [${processors}], exporters: [otlp_http]}
`;

interface Topology {
  readonly client: VethEnd;
  readonly server: VethEnd;
  /** Where the agent runs. */
  readonly observer: NetworkNamespace;
}

/** Two namespaces joined by a veth pair, the agent in the server's. */
async function pair(offload: boolean): Promise<Topology> {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { offload, quiet: true });
  return { client, server, observer: server.namespace };
}

/** A router between the two, with the agent in it: each packet passes two of its interfaces. */
async function routed(offload: boolean): Promise<Topology> {
  const router = createNetworkNamespace();
  for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
    router.run('sh', '-c', `echo 1 > /proc/sys/net/${key}`);
  }
  const [client, clientSide] = joinByVeth(createNetworkNamespace(), router, { offload });
  const [server, serverSide] = joinByVeth(createNetworkNamespace(), router, { offload });
  for (const [end, gateway] of [
    [client, clientSide],
    [server, serverSide],
  ] as const) {
    end.namespace.run('ip', 'route', 'add', 'default', 'via', gateway.ipv4);
    end.namespace.run('ip', '-6', 'route', 'add', 'default', 'via', gateway.ipv6);
  }
  // Until neighbours know each other, a first segment may be sent twice, and its longer header is not in the figures. On a
  // busy machine the kernel may need a moment to see that the wires are up, and has no route before.
  for (const family of families) {
    const ask = `ping -q -c 1 -W 5 ${server[family]} > /dev/null && echo answered || echo silent`;
    await until(`${family} goes through`, () => client.namespace.run('sh', '-c', ask).trim() === 'answered');
  }
  return { client, server, observer: router };
}

/** Flow keys and amounts of both ways of an exchange. */
function flowsOf(
  transport: string,
  { client, server }: Record<'client' | 'server', VethEnd>,
  family: Family,
  exchange: Exchange,
) {
  const port = (number: number) => (number === 0 ? '-' : number);
  const from = `${client[family]} ${port(exchange.clientPort)}`;
  const to = `${server[family]} ${port(exchange.serverPort)}`;
  return [
    [`${transport} ${from} ${to}`, exchange.request],
    [`${transport} ${to} ${from}`, exchange.response],
  ] as const;
}

/** The last point of each series is the whole of a cumulative one; deltas are added up. */
function totals(points: readonly ReceivedPoint[]): readonly ReceivedPoint[] {
  const last = new Map<string, ReceivedPoint>();
  for (const point of points) {
    if (point.temporality === 'delta') return points;
    last.set(`${point.metric} ${JSON.stringify(point.attributes)}`, point);
  }
  return [...last.values()];
}

// The sender's TCP counters are the truth, and they count the agent's exports too where it shares the namespace: there
// one window, which ends after the traffic, covers it all.
const ways = [
  { title: 'between two hosts', topology: pair, temporality: 'delta', window: '1h' },
  { title: 'through a router', topology: routed, temporality: 'delta', window: '200ms' },
  { title: 'through a router', topology: routed, temporality: 'cumulative', window: '200ms' },
] as const;
for (const { title, topology, temporality, window } of fewerWhenEmulated(ways, 2)) {
  for (const offload of fewerWhenEmulated([true, false], 1)) {
    const wire = offload ? 'the device' : 'the stack';
    test.serial(
      `${title}: TCP in segments of ${wire}, UDP and ICMP arrive as ${temporality} sums, true to the byte for each flow`,
      async (t) => {
        const ends = await topology(offload);
        const sink = await startSink(ends.observer);
        t.teardown(sink.stop);
        const processors = temporality === 'delta' ? ['attribute_select'] : ['attribute_select', 'delta_to_cumulative'];
        const agent = await startAgent(ends.observer, config(processors, window));

        const expected = new Map<string, WireAmount>();
        for (const family of families) {
          const way = { ...ends, family };
          const stream = await tcpTransfer({ ...way, bytes: lessWhenEmulated(30 * MEGABYTE) });
          const datagrams = await udpDatagrams({ ...way, datagrams: 500, payloadBytes: 700 });
          const echoes = icmpEchoes({ ...way, echoes: 20, payloadBytes: 56 });
          const icmp = family === 'ipv4' ? 'ICMP' : 'ICMPv6';
          for (const [transport, exchange] of [
            ['TCP', stream],
            ['UDP', datagrams],
            [icmp, echoes],
          ] as const) {
            for (const [flow, amount] of flowsOf(transport, ends, family, exchange)) expected.set(flow, amount);
          }
        }
        const ended = await agent.stop();
        t.is(ended.code, 0, ended.stderr);

        const points = sink.points();
        t.true(points.every((point) => point.temporality === temporality));
        const bytes = sumsBy(totals(points), 'beyla.network.flow.bytes', FLOW);
        const packets = sumsBy(totals(points), 'beyla.network.flow.packets', FLOW);
        // Both exporters wrote to one file: deltas are there twice, and of cumulative points the last is the whole.
        const copies = temporality === 'delta' ? 2 : 1;
        for (const [flow, amount] of expected) {
          if (amount.segments === 0) continue;
          t.is(packets.get(flow), amount.segments * copies, `packets of ${flow}`);
          t.is(bytes.get(flow), amount.wireBytes * copies, `bytes of ${flow}`);
        }
        const tcpPoints = points.filter(({ attributes }) => attributes.transport === 'TCP');
        t.deepEqual([...new Set(tcpPoints.map(({ attributes }) => attributes.direction))].sort(), [
          'request',
          'response',
        ]);
      },
    );
  }
}

test.serial('a GSO packet without a number of segments counts as the segments it becomes', async (t) => {
  const { client, server } = await pair(true);
  const sink = await startSink(client.namespace);
  t.teardown(sink.stop);
  const agent = await startAgent(client.namespace, config(['attribute_select'], '200ms'));

  const payloadBytes = 5000;
  const segmentBytes = 1448;
  const headerBytes = 14 + 20 + 20;
  const segment = tcp(40_000, 9, 0x10, new Uint8Array(payloadBytes));
  const addresses = { src: client.ipv4, dst: server.ipv4, protocol: 6 };
  const frame = ethernet(ETHERTYPE_IPV4, ipv4(addresses, segment));
  frame.set(concatBytes(macBytes(server.mac), macBytes(client.mac)));
  sendFrame({
    networkNamespace: client.namespace.name,
    interface: client.name,
    frame,
    virtioNetHeader: {
      flags: 1,
      gsoType: 1,
      headerBytes,
      gsoBytes: segmentBytes,
      checksumStart: 34,
      checksumOffset: 16,
    },
    count: 7,
  });
  await agent.stop();

  const flow = `TCP ${client.ipv4} 40000 ${server.ipv4} 9`;
  const segments = Math.ceil(payloadBytes / segmentBytes);
  t.is(sumsBy(sink.points(), 'beyla.network.flow.packets', FLOW).get(flow), 2 * 7 * segments);
  t.is(
    sumsBy(sink.points(), 'beyla.network.flow.bytes', FLOW).get(flow),
    2 * 7 * (payloadBytes + segments * headerBytes),
  );
});

function macBytes(text: string): Uint8Array {
  return new Uint8Array(text.split(':').map((part) => Number.parseInt(part, 16)));
}
