/**
 * Real traffic between two namespaces, a real name server beside the agent: what arrives at an OTLP server names both
 * ends by range, zone and DNS, and its bytes are those that crossed the wire, also between zones.
 */

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { type Family, udpDatagrams } from '../support/traffic.ts';
import { startAgent, startSink, sumsBy, until } from './agent.ts';

const NAME_SERVER = fileURLToPath(new URL('../support/name-server.ts', import.meta.url));
const DATAGRAMS = 50;
const PAYLOAD_BYTES = 300;
const MAX_ROUNDS = 60;
const families: readonly Family[] = ['ipv4', 'ipv6'];

test.after.always(removeNetworkNamespaces);

test.serial('range, zone and DNS name of both ends arrive, and the bytes between zones to the byte', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const { namespace } = server;
  const names = [`${client.ipv4}=client.example`, `${server.ipv4}=server.example`];
  const nameServer = namespace.spawn(process.execPath, [NAME_SERVER, '127.0.0.1', '5353', ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let listening = false;
  nameServer.stdout?.once('data', () => {
    listening = true;
  });
  await until('the name server listens', () => listening);
  const sink = await startSink(namespace);
  t.teardown(sink.stop);
  const agent = await startAgent(
    namespace,
    `
receivers: {ebpf_network: {cache_active_timeout: 200ms, protocols: [UDP]}}
processors:
  cidr: {cidrs: [{cidr: ${client.ipv4}/32, name: clients}, ${server.ipv4}/32, '::/0']}
  zone:
    cidrs: [{cidr: ${client.ipv4}/32, zone: zone-a, region: west}, {cidr: ${server.ipv4}/32, zone: zone-b, region: west}]
  reverse_dns: {servers: ['127.0.0.1:5353']}
  attribute_select:
    select:
      beyla_network_flow_bytes:
        include: [src.address, dst.address, src.cidr, dst.cidr, src.name, dst.name, src.zone, dst.zone, src.region, scope]
exporters: {otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [ebpf_network]
      processors: [cidr, zone, reverse_dns, attribute_select]
      exporters: [otlp_grpc]
`,
  );

  const sent = { ipv4: { to: 0, back: 0 }, ipv6: { to: 0, back: 0 } };
  const bothNamed = () =>
    sink.points().some(({ attributes }) => {
      return attributes['src.name'] === 'client.example' && attributes['dst.name'] === 'server.example';
    });
  for (let round = 0; round < MAX_ROUNDS && !bothNamed(); round++) {
    for (const family of families) {
      const way = { family, datagrams: DATAGRAMS, payloadBytes: PAYLOAD_BYTES };
      sent[family].to += (await udpDatagrams({ ...way, client, server })).request.wireBytes;
      sent[family].back += (await udpDatagrams({ ...way, client: server, server: client })).request.wireBytes;
    }
  }
  const ended = await agent.stop();
  t.is(ended.code, 0, ended.stderr);

  const points = sink.points();
  const known = sumsBy(points, 'beyla.network.flow.bytes', [
    'src.cidr',
    'src.zone',
    'src.region',
    'dst.cidr',
    'dst.zone',
    'scope',
  ]);
  t.deepEqual(Object.fromEntries(known), {
    [`clients zone-a west ${server.ipv4}/32 zone-b cross_zone`]: sent.ipv4.to,
    [`${server.ipv4}/32 zone-b west clients zone-a cross_zone`]: sent.ipv4.back,
    '::/0 - - ::/0 - unknown': sent.ipv6.to + sent.ipv6.back,
  });
  const between = sumsBy(points, 'beyla.network.inter.zone.bytes', ['src.zone', 'dst.zone']);
  t.deepEqual(Object.fromEntries(between), { 'zone-a zone-b': sent.ipv4.to, 'zone-b zone-a': sent.ipv4.back });

  const namesSeen = sumsBy(points, 'beyla.network.flow.bytes', ['src.address', 'src.name', 'dst.name']);
  t.true((namesSeen.get(`${client.ipv4} client.example server.example`) ?? 0) > 0);
  // The name server knows no IPv6 address: those keep their addresses.
  t.true((namesSeen.get(`${client.ipv6} ${client.ipv6} ${server.ipv6}`) ?? 0) > 0);
});
