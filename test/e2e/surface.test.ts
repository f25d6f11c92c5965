/** What a user of the agent meets: the first lines on the screen, and what arrives at a server under each preset. */

import { fileURLToPath } from 'node:url';
import test from 'ava';
import packageFile from '../../package.json' with { type: 'json' };
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { icmpEchoes, udpDatagrams } from '../support/traffic.ts';
import { startAgent, startSink, until } from './agent.ts';

const START = fileURLToPath(new URL('../../scripts/start.sh', import.meta.url));
const FIRST_LOOK_MS = 10_000;

test.after.always(removeNetworkNamespaces);

const pair = () => joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });

test.serial('the shipped configuration shows flows within ten seconds, and the ledger at the end', async (t) => {
  const [client, server] = pair();
  const child = server.namespace.spawn('sh', [START], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (part: string) => {
      said[stream] += part;
    });
  }
  await until('the agent is ready', () =>
    said.stderr.includes('\tinfo\tEverything is ready. Begin running and processing data.\n'),
  );
  t.is(said.stdout, '');

  const way = { client, server, family: 'ipv4', datagrams: 50, payloadBytes: 100 } as const;
  const { serverPort, request } = await udpDatagrams(way);
  icmpEchoes({ client, server, family: 'ipv6', echoes: 3, payloadBytes: 56 });
  const flows = [
    `src.address=${client.ipv4},dst.address=${server.ipv4},server.port=${serverPort},transport=UDP,direction=request} ${request.wireBytes} By\n`,
    `src.address=${client.ipv6},dst.address=${server.ipv6},transport=ICMPv6,direction=request} 354 By\n`,
  ].map((rest) => `beyla.network.flow.bytes{${rest}`);
  await until('the flows are printed', () => flows.every((line) => said.stdout.includes(line)), FIRST_LOOK_MS);

  child.kill('SIGINT');
  t.is(await ended, 0);
  const bytes = (request.wireBytes + 2 * 354).toLocaleString('en-US');
  t.true(
    said.stderr.includes(
      `ledger  eth0   seen ${bytes} B  56 pkt   exported ${bytes} B   filtered 0   sampled 0   lost 0\n`,
    ),
  );
});

/** Where the presets that share the names of attributes differ. */
const presets = {
  beyla: { bytes: 'beyla.network.flow.bytes', packets: 'beyla.network.flow.packets', agent: 'beyla.ip' },
  obi: { bytes: 'obi.network.flow.bytes', packets: 'obi.network.flow.packets', agent: 'obi.ip' },
} as const;

test.serial('what arrives has the resource, scope, names, units and types of the contract', async (t) => {
  const [client, server] = pair();
  const sink = await startSink(server.namespace);
  t.teardown(sink.stop);
  const onNode: typeof server.namespace = {
    ...server.namespace,
    spawn: (command, args, options) =>
      server.namespace.spawn('env', ['NODE_NAME=node-7', 'OTEL_SERVICE_NAME=edge', command, ...args], options),
  };
  const agent = await startAgent(
    onNode,
    `
receivers:
  ebpf_network: {interfaces: [eth0], metric_names: [beyla, obi, otel], agent_ip: 192.0.2.10}
exporters:
  otlp_grpc: {endpoint: 'http://127.0.0.1:4317', tls: {insecure: true}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], exporters: [otlp_grpc]}
`,
  );
  const way = { client, server, family: 'ipv4', datagrams: 7, payloadBytes: 100 } as const;
  const { clientPort, serverPort, request } = await udpDatagrams(way);
  icmpEchoes({ client, server, family: 'ipv6', echoes: 2, payloadBytes: 56 });
  t.is((await agent.stop()).code, 0);

  const points = sink.points();
  const [first] = points;
  t.like(first?.resource, { 'service.name': 'edge', 'k8s.node.name': 'node-7' });
  for (const name of ['service.instance.id', 'host.id', 'host.name']) t.is(typeof first?.resource[name], 'string');
  for (const { resource, scope, temporality, startNs, timeNs } of points) {
    t.deepEqual(resource, first?.resource);
    t.is(scope, packageFile.name);
    t.is(temporality, 'delta');
    t.true(startNs < timeNs);
  }

  const of = (metric: string, transport: string) =>
    points.filter(
      ({ metric: name, attributes }) =>
        name === metric && (attributes.transport ?? attributes['network.transport']) === transport,
    );
  const values = (found: readonly ReceivedPoint[]) => found.map(({ value, unit }) => [value, unit]);
  for (const { bytes, packets, agent } of Object.values(presets)) {
    t.deepEqual(values(of(bytes, 'UDP')), [[request.wireBytes, 'By']]);
    t.deepEqual(values(of(packets, 'UDP')), [[7, '{packet}']]);
    t.deepEqual(of(bytes, 'UDP')[0]?.attributes, {
      'src.address': client.ipv4,
      'dst.address': server.ipv4,
      'src.name': client.ipv4,
      'dst.name': server.ipv4,
      'src.port': clientPort,
      'dst.port': serverPort,
      'client.port': clientPort,
      'server.port': serverPort,
      transport: 'UDP',
      'network.type': 'ipv4',
      direction: 'request',
      iface: 'eth0',
      'iface.direction': 'ingress',
      [agent]: '192.0.2.10',
    });
  }
  t.deepEqual(values(of('network.flow.io', 'udp')), [[request.wireBytes, 'By']]);
  t.deepEqual(values(of('network.flow.packets', 'udp')), [[7, '{packet}']]);
  const icmp = of('network.flow.io', 'icmpv6').find(({ attributes }) => attributes['source.address'] === server.ipv6);
  t.deepEqual(icmp?.attributes, {
    'source.address': server.ipv6,
    'destination.address': client.ipv6,
    'source.name': server.ipv6,
    'destination.name': client.ipv6,
    'network.transport': 'icmpv6',
    'network.type': 'ipv6',
    'network.interface.name': 'eth0',
    'network.interface.direction': 'egress',
    'network.local.address': '192.0.2.10',
  });
});
