/** A week of migration: the same real traffic under the names of Beyla and of the conventions, from an agent with its own attributes. */

import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { icmpEchoes, udpDatagrams } from '../support/traffic.ts';
import { startAgent, startSink, sumsBy } from './agent.ts';

test.after.always(removeNetworkNamespaces);

test('both presets leave at once, and flows between zones are a metric of one and an attribute of the other', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const sink = await startSink(server.namespace);
  t.teardown(sink.stop);
  const agent = await startAgent(
    server.namespace,
    `
receivers:
  ebpf_network:
    interfaces: [eth0]
    metric_names: [beyla, otel]
    instance_id: {override_hostname: edge-7}
    resource_attributes: {deployment.environment.name: prod, host.id: {enabled: false}}
processors:
  zone: {cidrs: [{cidr: ${client.ipv4}/32, zone: eu-1a}, {cidr: ${server.ipv4}/32, zone: eu-1b}]}
  attribute_select: {select: {'beyla_network_flow*': {include: [transport, network.flow.inter_zone]}}}
exporters:
  otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [ebpf_network]
      processors: [zone, attribute_select]
      exporters: [otlp_grpc]
`,
  );
  const datagrams = { client, server, family: 'ipv4', datagrams: 9, payloadBytes: 100 } as const;
  const { request } = await udpDatagrams(datagrams);
  icmpEchoes({ client, server, family: 'ipv6', echoes: 3, payloadBytes: 56 });
  t.is((await agent.stop()).code, 0);

  const points = sink.points();
  const sums = (metric: string, ...attributes: string[]) => Object.fromEntries(sumsBy(points, metric, attributes));
  const echoes = 2 * 3 * 118;
  t.deepEqual(sums('beyla.network.flow.bytes', 'transport'), { UDP: request.wireBytes, ICMPv6: echoes });
  t.deepEqual(sums('network.flow.io', 'network.transport', 'network.flow.inter_zone'), {
    'udp true': request.wireBytes,
    'icmpv6 -': echoes,
  });
  t.deepEqual(sums('beyla.network.inter.zone.bytes', 'src.zone', 'dst.zone'), { 'eu-1a eu-1b': request.wireBytes });
  t.deepEqual(sums('network.flow.packets', 'network.transport'), { udp: 9, icmpv6: 6 });

  const [resource, ...others] = new Set(points.map((point) => JSON.stringify(point.resource)));
  t.deepEqual(others, []);
  const { 'service.instance.id': instance, ...rest } = JSON.parse(resource!);
  t.deepEqual(rest, { 'service.name': 'weir', 'host.name': 'edge-7', 'deployment.environment.name': 'prod' });
  t.is(typeof instance, 'string');
});
