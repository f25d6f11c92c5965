/**
 * The queries of the talks as they stand, but for the halving, on a Prometheus that scrapes the agents of two nodes: flows
 * between the nodes are in it once, under the owners of their pods and the zones of their nodes.
 */

import test from 'ava';
import { startPrometheus } from '../support/prometheus.ts';
import { createTestCluster, openSmallApi } from '../support/test-cluster.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { until } from './agent.ts';

const PORT = 8889;

const config = (address: string) => `
receivers: {ebpf_network: {cache_active_timeout: 200ms, protocols: [UDP]}}
processors:
  k8s_attributes: {flow: {observer_nodes: [node-1, node-2]}}
  zone:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [k8s.src.owner.name, k8s.dst.owner.name, src.zone, dst.zone]}
      beyla_network_inter_zone_bytes: {include: [src.zone, dst.zone]}
exporters:
  prometheus: {endpoint: '${address}:${PORT}', const_labels: {cluster: dev-us-east-0}}
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [k8s_attributes, zone, attribute_select], exporters: [prometheus]}
`;

test('flows between two nodes with an agent each are counted once, by owner and zone', async (t) => {
  const cluster = await createTestCluster(openSmallApi, { nodes: 2, zones: ['us-east-2b', 'us-east-2a'] });
  t.teardown(() => cluster.stop());
  const [first, second] = cluster.nodes;
  const owner = { kind: 'ReplicaSet', name: 'web-5d78c' };
  const web = await cluster.addPod(first!, { name: 'web-5d78c-x', owner, labels: { 'pod-template-hash': '5d78c' } });
  const batch = await cluster.addPod(first!, { name: 'batch-0', owner: { kind: 'StatefulSet', name: 'batch' } });
  const data = await cluster.addPod(second!, { name: 'data-0', owner: { kind: 'StatefulSet', name: 'data' } });
  const cache = await cluster.addPod(second!, { name: 'cache-0', owner: { kind: 'StatefulSet', name: 'cache' } });
  const agents = await Promise.all(
    cluster.nodes.map((on) => cluster.startAgent(on, { whole: config(on.uplink.ipv4) })),
  );
  const targets = cluster.nodes.map(({ uplink }) => `${uplink.ipv4}:${PORT}`);
  const prometheus = await startPrometheus(cluster.router, { agents: targets }, '250ms');
  t.teardown(() => prometheus.stop());

  const send = async (client: typeof web, server: typeof web, datagrams: number) => {
    const exchange = await udpDatagrams({
      client,
      server,
      family: 'ipv4',
      datagrams,
      payloadBytes: 300,
      answered: true,
    });
    return exchange.request.wireBytes;
  };
  const sent = [
    { from: 'web', to: 'data', bytes: await send(web, data, 80) },
    { from: 'batch', to: 'data', bytes: await send(batch, data, 40) },
    { from: 'web', to: 'cache', bytes: await send(web, cache, 20) },
    { from: 'batch', to: 'cache', bytes: await send(batch, cache, 10) },
  ];
  // Within one zone: in flow bytes, not in those between zones.
  await send(web, batch, 5);
  const oneWay = sent.reduce((sum, { bytes }) => sum + bytes, 0);

  const between = 'beyla_network_inter_zone_bytes_total{src_zone!="",dst_zone!=""}';
  await until('Prometheus has both ways', () => prometheus.valueOf(`sum(${between})`) === 2 * oneWay);
  t.deepEqual(
    prometheus
      .query(`sort_desc(sum by (cluster, src_zone, dst_zone) (${between}))`)
      .map(({ metric, value }) => `${metric.cluster} ${metric.src_zone} ${metric.dst_zone} ${value?.[1]}`)
      .sort(),
    [`dev-us-east-0 us-east-2a us-east-2b ${oneWay}`, `dev-us-east-0 us-east-2b us-east-2a ${oneWay}`],
  );
  const top = prometheus.query(
    'topk(3, sum by(k8s_src_owner_name, k8s_dst_owner_name) (beyla_network_flow_bytes_total{cluster="dev-us-east-0", dst_zone="us-east-2a", src_zone="us-east-2b"}))',
  );
  t.deepEqual(
    top.map(({ metric, value }) => ({
      from: metric.k8s_src_owner_name,
      to: metric.k8s_dst_owner_name,
      bytes: Number(value?.[1]),
    })),
    sent.slice(0, 3),
  );
  t.deepEqual(prometheus.complaints(), []);
  for (const agent of agents) t.is((await agent.stop()).code, 0);
});
