/**
 * Agents count real traffic and send bare flows; a gateway receives, names and selects them. What arrives behind it is
 * what was sent, to the byte, also when the gateway is killed on the way.
 */

import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { startAgent, startSink, sumsBy, until } from './agent.ts';

test.after.always(removeNetworkNamespaces);

const AGENT = `
receivers: {ebpf_network: {interfaces: [eth0], protocols: [UDP], cache_active_timeout: 200ms}}
exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:5317
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 200ms, max_interval: 500ms, max_elapsed_time: 0}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], exporters: [otlp_grpc]}}
`;

const GATEWAY = `
receivers: {otlp: {protocols: {grpc: {endpoint: 127.0.0.1:5317}}}}
processors:
  cidr: {cidrs: [{cidr: 0.0.0.0/0, name: four}, {cidr: '::/0', name: six}]}
  attribute_select: {select: {'*': {include: [src.address, dst.address, src.cidr, transport]}}}
exporters: {otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [otlp], processors: [cidr, attribute_select], exporters: [otlp_grpc]}}
`;

test('flows of an agent are named at the gateway, and a gateway that is killed loses nothing that was not taken', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const here = server.namespace;
  const sink = await startSink(here);
  const agent = await startAgent(here, AGENT);
  let gateway = await startAgent(here, GATEWAY);
  const sent = { bytes: 0, packets: 0 };
  const send = async (datagrams: number) => {
    const { request } = await udpDatagrams({ client, server, family: 'ipv4', datagrams, payloadBytes: 300 });
    sent.bytes += request.wireBytes;
    sent.packets += request.segments;
  };
  const arrived = (metric: 'bytes' | 'packets') =>
    sumsBy(sink.points(), `beyla.network.flow.${metric}`, ['src.address', 'dst.address', 'src.cidr', 'transport']);
  const key = `${client.ipv4} ${server.ipv4} four UDP`;
  const allArrived = () =>
    until(
      'everything arrived',
      () => arrived('bytes').get(key) === sent.bytes && arrived('packets').get(key) === sent.packets,
    );

  await send(50);
  await allArrived();
  await gateway.kill();
  await send(70);
  await until('the agent found no gateway', () => agent.said().includes('Exporting failed. Will retry'));
  await send(30);
  gateway = await startAgent(here, GATEWAY);
  await allArrived();
  await send(20);
  await agent.stop();
  await gateway.stop();
  t.deepEqual(arrived('bytes'), new Map([[key, sent.bytes]]));
  t.deepEqual(arrived('packets'), new Map([[key, sent.packets]]));
  sink.stop();
});
