/**
 * A VXLAN between two nodes, each with pods on a bridge, and an agent on one of them that counts in all three modes at
 * once. The wire between the nodes is quiet and sends nothing but what carries the tunnel, so its own counters say how
 * much that is.
 *
 * long: the two nodes, the traffic between them and what each mode counts of it belong together.
 */

import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { udpFrame } from '../support/frames.ts';
import { sendFrame } from '../support/native.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { type Exchange, icmpEchoes, tcpTransfer, udpDatagrams, type WireAmount } from '../support/traffic.ts';
import { pointsOfReceiver, startAgent, startSink, sumsBy, until } from './agent.ts';
import {
  addTunnel,
  CARRYING_HEADER_BYTES,
  carried,
  figuresAtExit,
  type Node,
  type Sum,
  twoNodes,
} from './tunnel-nodes.ts';

const MEGABYTE = 1024 * 1024;
const FLOW = ['transport', 'src.address', 'src.port', 'dst.address', 'dst.port'];
/** What the nodes ask each other inside the tunnel. */
const ARP_FRAME_BYTES = 14 + 28;
const modes = ['inner', 'outer', 'both'] as const;
type Mode = (typeof modes)[number];

test.after.always(removeNetworkNamespaces);

const config = (keys = '') => `
receivers:
${modes.map((mode) => `  ebpf_network/${mode}: {tunnels: ${mode}, cache_active_timeout: 100ms${keys}}`).join('\n')}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [${[...FLOW, 'iface', 'tunnel']}]}
      beyla_network_flow_packets: {include: [${[...FLOW, 'iface', 'tunnel']}]}
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

interface Run {
  readonly points: Readonly<Record<Mode, readonly ReceivedPoint[]>>;
  readonly stderr: string;
}

async function observe(
  t: ExecutionContext,
  node: NetworkNamespace,
  keys: string,
  traffic: () => Promise<void>,
): Promise<Run> {
  const sink = await startSink(node);
  t.teardown(sink.stop);
  const agent = await startAgent(node, config(keys));
  await traffic();
  const { code, stderr } = await agent.stop();
  t.is(code, 0, stderr);
  const points = sink.points();
  const of = (mode: Mode) => pointsOfReceiver(points, `ebpf_network/${mode}`);
  const [inner, outer, both] = await Promise.all(modes.map(of));
  return { points: { inner: inner!, outer: outer!, both: both! }, stderr };
}

/** What the uplink has counted since the call, both ways. */
function meter({ namespace, uplink }: Node): () => Sum {
  const read = () => namespace.statistics(uplink.name);
  const before = read();
  return () => {
    const now = read();
    return {
      bytes: now.rxBytes + now.txBytes - before.rxBytes - before.txBytes,
      packets: now.rxPackets + now.txPackets - before.rxPackets - before.txPackets,
    };
  };
}

const textOf = ([protocol, from, fromPort, to, toPort]: readonly [string, string, number, string, number]) =>
  [protocol, from, fromPort || '-', to, toPort || '-'].join(' ');

/** From one pod to the other, by three protocols. Each map is of one direction. */
async function between(client: VethEnd, server: VethEnd, bytes: number, echoes: number) {
  const way = { client, server, family: 'ipv4' } as const;
  const udp = await udpDatagrams({ ...way, datagrams: 100, payloadBytes: 500 });
  const tcp = await tcpTransfer({ ...way, bytes });
  const exchanges: (readonly [string, Exchange])[] = [
    ['UDP', udp],
    ['TCP', tcp],
  ];
  if (echoes > 0) exchanges.push(['ICMP', icmpEchoes({ ...way, echoes, payloadBytes: 100 })]);
  const [here, there] = [client.ipv4, server.ipv4];
  const request = exchanges.map(([protocol, { clientPort, serverPort, request }]) => {
    return [textOf([protocol, here, clientPort, there, serverPort]), request] as const;
  });
  const response = exchanges.slice(1).map(([protocol, { clientPort, serverPort, response }]) => {
    return [textOf([protocol, there, serverPort, here, clientPort]), response] as const;
  });
  return { request: new Map(request), response: new Map(response) };
}

function hasTimes(
  t: ExecutionContext,
  points: readonly ReceivedPoint[],
  sent: ReadonlyMap<string, WireAmount>,
  times: number,
  title: string,
) {
  const bytes = sumsBy(points, 'beyla.network.flow.bytes', FLOW);
  const packets = sumsBy(points, 'beyla.network.flow.packets', FLOW);
  for (const [flow, { wireBytes, segments }] of sent) {
    t.is(bytes.get(flow) ?? 0, times * wireBytes, `bytes of ${flow}, ${title}`);
    t.is(packets.get(flow) ?? 0, times * segments, `packets of ${flow}, ${title}`);
  }
}

const runs = [
  { offload: false, source: 'tc' },
  { offload: true, source: 'tc' },
  { offload: true, source: 'socket_filter' },
];

for (const { offload, source } of runs) {
  test.serial(
    `each packet in the tunnel counts once, and what carries it is where the mode says, ${
      offload ? 'with' : 'without'
    } segmentation offload, by ${source}`,
    async (t) => {
      const [node, remote] = twoNodes(offload);
      addTunnel(node, remote.uplink, 1);
      addTunnel(remote, node.uplink, 2);
      const crossed = meter(node);
      const sent: Awaited<ReturnType<typeof between>>[] = [];
      const { points, stderr } = await observe(t, node.namespace, `, source: ${source}`, async () => {
        sent.push(await between(node.pod, remote.pod, 5 * MEGABYTE, 20));
        sent.push(await between(remote.pod, node.pod, 5 * MEGABYTE, 0));
      });
      const wire = crossed();

      for (const mode of ['inner', 'both'] as const) {
        for (const { request, response } of sent) {
          hasTimes(t, points[mode], request, 1, mode);
          hasTimes(t, points[mode], response, 1, mode);
        }
      }
      t.deepEqual(carried(points.inner, 'vxlan'), { bytes: 0, packets: 0 });
      t.deepEqual(carried(points.outer, 'vxlan'), carried(points.both, 'vxlan'));
      // Offloaded, the wire's counters see large packets: their bytes lack the headers of the segments.
      if (!offload) t.deepEqual(carried(points.both, 'vxlan'), wire);
      // What is inside is left out where the tunnel device hands it over, and where a pod sent what left by it.
      for (const { request, response } of sent) {
        hasTimes(t, points.outer, request, 0, 'outer');
        hasTimes(t, points.outer, response, 0, 'outer');
      }
      const { bytes, packets } = carried(points.both, 'vxlan');
      const filtered = figuresAtExit(stderr, node.uplink.name, 'filtered').toSorted((a, b) => a - b);
      t.deepEqual(filtered, [0, 0, bytes], 'inner has what carries the tunnel in the ledger of the uplink');
      for (const name of [node.uplink.name, 'vxlan0']) {
        const seen = figuresAtExit(stderr, name, 'seen');
        t.deepEqual(seen, [seen[0], seen[0], seen[0]], `every mode has all of ${name} in its ledger`);
      }
      const inside = sent.flatMap(({ request, response }) => [...request.values(), ...response.values()]);
      const frames = inside.reduce((sum, { segments }) => sum + segments, 0);
      const resolution = packets - frames;
      const frameBytes = inside.reduce((sum, { wireBytes }) => sum + wireBytes, resolution * ARP_FRAME_BYTES);
      t.is(bytes, frameBytes + packets * CARRYING_HEADER_BYTES);
    },
  );
}

test.serial('UDP 4789 is a plain flow until a device comes, and again when it has gone', async (t) => {
  const [here, there] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const sink = await startSink(here.namespace);
  t.teardown(sink.stop);
  const agent = await startAgent(here.namespace, config());
  const ends = { src: there.ipv4, dst: here.ipv4, srcPort: 40_000 };
  const send = (dstPort: number, count: number) => {
    const frame = udpFrame({ ...ends, dstPort, payloadBytes: 200 });
    sendFrame({ networkNamespace: there.namespace.name, interface: there.name, frame, count });
  };
  /** Packets to a port by mode, without a tunnel and with one. */
  const counts = async (port: number) => {
    const of = async (mode: Mode) => {
      const points = await pointsOfReceiver(sink.points(), `ebpf_network/${mode}`);
      const sums = sumsBy(points, 'beyla.network.flow.packets', ['dst.port', 'tunnel']);
      return [sums.get(`${port} -`) ?? 0, sums.get(`${port} vxlan`) ?? 0] as const;
    };
    const [inner, outer, both] = await Promise.all(modes.map(of));
    return { inner: inner!, outer: outer!, both: both! };
  };
  let markers = 0;
  /** Every window that began before this call has ended, and its rows have left. */
  const windowsEnd = async () => {
    for (let window = 0; window < 2; window++) {
      markers += 1;
      send(9, 1);
      await reached(9, Object.fromEntries(modes.map((mode) => [mode, [markers, 0]])));
    }
  };
  const reached = async (port: number, wanted: object) => {
    const deadlineMs = performance.now() + 30_000;
    let now = await counts(port);
    while (!isDeepStrictEqual(now, wanted) && performance.now() < deadlineMs) now = await counts(port);
    t.deepEqual(now, wanted);
  };
  const told = (times: number) =>
    until('every receiver knows', () => agent.said().split('Tunnels of these kinds').length > times * modes.length);

  send(4789, 50);
  await reached(4789, { inner: [50, 0], outer: [50, 0], both: [50, 0] });

  const ofDevice = ['local', here.ipv4, 'dstport', '4789', 'dev', here.name];
  here.namespace.run('ip', 'link', 'add', 'vxlan0', 'type', 'vxlan', 'id', '7', ...ofDevice);
  here.namespace.run('ip', 'link', 'set', 'vxlan0', 'up');
  await told(1);
  send(4789, 50);
  await reached(4789, { inner: [50, 0], outer: [50, 50], both: [50, 50] });

  here.namespace.run('ip', 'link', 'delete', 'vxlan0');
  await told(2);
  await windowsEnd();
  send(4789, 50);
  await reached(4789, { inner: [100, 0], outer: [100, 50], both: [100, 50] });
  const { code, stderr } = await agent.stop();
  t.is(code, 0, stderr);
});
