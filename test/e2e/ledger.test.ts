/**
 * The ledger of a running agent, read from its own endpoint: at every scrape it closes, and once the wire is quiet it is
 * what the interface itself counted, to the byte and the packet.
 */

import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { concatBytes, ETHERTYPE_ARP, ETHERTYPE_IPV4, ethernet, ipv4 } from '../support/frames.ts';
import { sendFrame } from '../support/native.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import { icmpEchoes, tcpTransfer, udpDatagrams } from '../support/traffic.ts';
import { startAgent } from './agent.ts';
import { at, closes, meter, scrape } from './ledger-figures.ts';

const MEGABYTE = 1024 * 1024;
const PATIENCE_MS = 30_000;
const POLL_MS = 100;
const TCP = 6;
const names = [
  ...['seen', 'exported', 'filtered', 'sampled', 'lost'].flatMap((what) => [
    `${what}_bytes_total`,
    `${what}_packets_total`,
  ]),
  ...['in_table_bytes', 'in_table_packets', 'table_slots', 'table_capacity'],
  ...[
    'scan_duration_seconds',
    'coverage_ratio',
    'collect_failures_total',
    'attach_failures_total',
    'nat_lookups_total',
    'nat_dumps_total',
  ],
];

test.after.always(removeNetworkNamespaces);

const config = (interfaces: readonly string[], more: string) => `
receivers:
  ebpf_network: {interfaces: [${interfaces.join(', ')}], cache_active_timeout: 100ms${more}}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [ebpf_network], exporters: [debug]}}}
`;

/** Scrapes until the agent has seen this many bytes at the hook; every scrape on the way closes. */
async function settled(t: ExecutionContext, namespace: NetworkNamespace, hook: string, bytes: number) {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const figures = await scrape(namespace);
    closes(t, figures);
    const inTable = [...(figures.get('in_table_bytes')?.values() ?? [])].some((value) => value > 0);
    if (at(figures, 'seen_bytes_total', hook) >= bytes && !inTable) return figures;
    if (performance.now() > deadlineMs) throw new Error(`${hook} has not seen ${bytes} bytes in ${PATIENCE_MS} ms`);
    await delay(POLL_MS);
  }
}

const macBytes = (mac: string) => Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));

/** Sends a frame from one end of a veth pair to the other, from the Ethernet type on as given. */
function sendBetween(from: VethEnd, to: VethEnd, frame: Uint8Array, count: number): void {
  const addressed = concatBytes(macBytes(to.mac), macBytes(from.mac), frame.subarray(12));
  sendFrame({ networkNamespace: from.namespace.name, interface: from.name, frame: addressed, count });
}

test.serial('what was seen is what the interface counted, and every part of it is where it belongs', async (t) => {
  const options = { offload: false, quiet: true };
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), options);
  const counted = meter(server);
  const agent = await startAgent(server.namespace, config(['eth0'], ', protocols: [TCP]'));
  const way = { client, server, family: 'ipv4' } as const;

  const transfer = tcpTransfer({ ...way, bytes: 20 * MEGABYTE });
  let ended = false;
  const over = transfer.finally(() => {
    ended = true;
  });
  while (!ended) closes(t, await scrape(server.namespace));
  const tcp = await over;
  const udp = await udpDatagrams({ ...way, datagrams: 100, payloadBytes: 500 });
  const icmp = icmpEchoes({ ...way, family: 'ipv6', echoes: 10, payloadBytes: 56 });
  const arp = ethernet(ETHERTYPE_ARP, new Uint8Array(46));
  sendBetween(client, server, arp, 5);
  const cutOff = ethernet(
    ETHERTYPE_IPV4,
    ipv4({ src: client.ipv4, dst: server.ipv4, protocol: TCP }, new Uint8Array(10)),
  );
  sendBetween(client, server, cutOff, 3);

  const truth = counted();
  const figures = await settled(t, server.namespace, 'eth0 ingress', truth.ingress.bytes);
  for (const direction of ['ingress', 'egress'] as const) {
    for (const unit of ['bytes', 'packets'] as const) {
      t.is(at(figures, `seen_${unit}_total`, `eth0 ${direction}`), truth[direction][unit], `${unit} of ${direction}`);
    }
  }
  const placesOf = (name: string) => Object.fromEntries(figures.get(name) ?? []);
  // The server's own count of TCP segments has those of the scrapes, so the way back is what the interface had of it.
  const acknowledgements = truth.egress.bytes - icmp.response.wireBytes;
  t.deepEqual(placesOf('exported_bytes_total'), {
    'eth0 ingress': tcp.request.wireBytes,
    'eth0 egress': acknowledgements,
  });
  t.deepEqual(placesOf('filtered_packets_total'), {
    'eth0 ingress self': 0,
    'eth0 ingress tunnel': 0,
    'eth0 ingress protocol': udp.request.segments + icmp.request.segments,
    'eth0 ingress not_ip': 5,
    'eth0 ingress counted_elsewhere': 0,
    'eth0 ingress direction': 0,
    'eth0 egress self': 0,
    'eth0 egress tunnel': 0,
    'eth0 egress protocol': icmp.response.segments,
    'eth0 egress not_ip': 0,
    'eth0 egress counted_elsewhere': 0,
    'eth0 egress direction': 0,
  });
  t.like(placesOf('lost_bytes_total'), {
    'eth0 ingress table_full': 0,
    'eth0 ingress malformed': 3 * cutOff.length,
    'eth0 egress table_full': 0,
    'eth0 egress malformed': 0,
  });
  t.deepEqual(placesOf('coverage_ratio'), { eth0: 1 });
  t.deepEqual(Object.keys(placesOf('table_slots')), ['used', 'free', 'overflow']);
  t.deepEqual(placesOf('table_capacity'), { '': 262_144 });
  t.deepEqual([...figures.keys()].sort(), names.toSorted());

  const { code, stderr } = await agent.stop();
  t.is(code, 0);
  const figure = (value: number) => value.toLocaleString('en-US');
  const seen = truth.ingress.bytes + truth.egress.bytes;
  const exported = tcp.request.wireBytes + acknowledgements;
  const lost = 3 * cutOff.length;
  const line = [
    `ledger  eth0   seen ${figure(seen)} B  ${figure(truth.ingress.packets + truth.egress.packets)} pkt`,
    `exported ${figure(exported)} B`,
    `filtered ${figure(seen - exported - lost)} B`,
    'sampled 0',
    `lost ${figure(lost)} B`,
  ];
  t.is(/^ledger.*$/m.exec(stderr)?.[0], line.join('   '));
});

test.serial('what is routed through counts where it came in, and is counted_elsewhere where it leaves', async (t) => {
  const router = createNetworkNamespace();
  const options = { offload: false, quiet: true };
  const [client, towardsClient] = joinByVeth(createNetworkNamespace(), router, options);
  const [server, towardsServer] = joinByVeth(createNetworkNamespace(), router, options);
  client.namespace.run('ip', 'route', 'add', 'default', 'via', towardsClient.ipv4);
  server.namespace.run('ip', 'route', 'add', 'default', 'via', towardsServer.ipv4);
  router.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  const agent = await startAgent(router, config([towardsClient.name, towardsServer.name], ''));

  const { request, response } = icmpEchoes({ client, server, family: 'ipv4', echoes: 20, payloadBytes: 100 });
  const bytes = request.wireBytes;
  t.is(bytes, response.wireBytes);
  const figures = await settled(t, router, `${towardsClient.name} egress`, bytes);
  for (const { name } of [towardsClient, towardsServer]) {
    t.is(at(figures, 'exported_bytes_total', `${name} ingress`), bytes);
    t.is(at(figures, 'exported_bytes_total', `${name} egress`), 0);
    t.is(figures.get('filtered_bytes_total')?.get(`${name} egress counted_elsewhere`), bytes);
  }
  t.is((await agent.stop()).code, 0);
});

test.serial('what every pipeline drops by a rule is filtered, and what one of them takes is exported', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), {
    offload: false,
    quiet: true,
  });
  const agent = await startAgent(
    server.namespace,
    `
receivers:
  ebpf_network: {interfaces: [eth0], cache_active_timeout: 100ms}
processors:
  filter/udp: {network: {transport: {not_match: UDP}}}
  filter/others: {metric_conditions: ['attributes["dst.port"] == 9 or IsMatch(attributes["transport"], "^(UDP|ICMP)$")']}
exporters: {debug: }
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [filter/udp], exporters: [debug]}
    metrics/2: {receivers: [ebpf_network], processors: [filter/others], exporters: [debug]}
`,
  );
  const way = { client, server, family: 'ipv4' } as const;
  const udp = await udpDatagrams({ ...way, datagrams: 100, payloadBytes: 500 });
  const icmp = icmpEchoes({ ...way, echoes: 10, payloadBytes: 56 });
  const bytes = udp.request.wireBytes + icmp.request.wireBytes;
  const figures = await settled(t, server.namespace, 'eth0 ingress', bytes);
  t.is(figures.get('filtered_bytes_total')?.get('eth0 ingress rule'), udp.request.wireBytes);
  t.is(figures.get('filtered_packets_total')?.get('eth0 ingress rule'), udp.request.segments);
  t.is(at(figures, 'exported_bytes_total', 'eth0 ingress'), icmp.request.wireBytes);
  t.is(at(figures, 'exported_bytes_total', 'eth0 egress'), icmp.response.wireBytes);
  t.is(figures.get('filtered_bytes_total')?.get('eth0 egress rule') ?? 0, 0);
  t.is((await agent.stop()).code, 0);
});
