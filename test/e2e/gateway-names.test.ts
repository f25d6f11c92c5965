/** A gateway with one watch on the API names the flows that an agent without any access to it sends. */

import test from 'ava';
import { createTestCluster, openSmallApi } from '../support/test-cluster.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { startAgent, sumsBy, until } from './agent.ts';

test('the gateway names both ends of flows that an agent counted, to the byte', async (t) => {
  const cluster = await createTestCluster(openSmallApi);
  try {
    const [own] = cluster.nodes;
    const [web, data] = [await cluster.addPod(own!, { name: 'web' }), await cluster.addPod(own!, { name: 'data' })];
    await cluster.startAgent(own!, {
      whole: `
receivers: {otlp: {protocols: {grpc: {endpoint: 127.0.0.1:5317}}}}
processors:
  k8s_attributes: {flow: {observer_nodes: [${cluster.nodes[1]!.name}]}}
  attribute_select: {select: {'*': {include: [k8s.src.name, k8s.src.node.name, k8s.dst.name]}}}
exporters: {otlp_grpc: {endpoint: ${cluster.control}:4317, tls: {insecure: true}}}
service:
  pipelines: {metrics: {receivers: [otlp], processors: [k8s_attributes, attribute_select], exporters: [otlp_grpc]}}
`,
    });
    await cluster.isKnown(own!, 'Pod');
    const agent = await startAgent(
      own!.namespace,
      `
receivers: {ebpf_network: {protocols: [UDP], cache_active_timeout: 200ms}}
exporters: {otlp_grpc: {endpoint: 127.0.0.1:5317, tls: {insecure: true}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], exporters: [otlp_grpc]}}
`,
    );
    const ends = { client: web, server: data, family: 'ipv6' } as const;
    const { request, response } = await udpDatagrams({ ...ends, datagrams: 40, payloadBytes: 500, answered: true });
    await agent.stop();
    const names = ['k8s.src.name', 'k8s.src.node.name', 'k8s.dst.name'];
    const arrived = () => sumsBy(cluster.sink.points(), 'beyla.network.flow.bytes', names);
    const expected = new Map([
      [`web ${own!.name} data`, request.wireBytes],
      [`data ${own!.name} web`, response.wireBytes],
    ]);
    await until('both directions arrived', () => [...expected].every(([key, bytes]) => arrived().get(key) === bytes));
    // A map is compared in its order, and which direction arrives first is not said.
    t.deepEqual(Object.fromEntries(arrived()), Object.fromEntries(expected));
  } finally {
    await cluster.stop();
  }
});
