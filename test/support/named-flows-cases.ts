/**
 * Tests of flows between pods, nodes, Services and the outside: an agent on the first node counts them, and all their
 * bytes arrive under the names of the API's objects. The same against any API server.
 */

import test, { type ExecutionContext } from 'ava';
import type { Agent } from '../e2e/agent.ts';
import { at, closes, type Figures, scrape } from '../e2e/ledger-figures.ts';
import type { ClusterPod } from './cluster-network.ts';
import { podStatus, service, slice } from './kubernetes-objects.ts';
import { arrivesAs, METRIC, nodeNamed, podNamed, UNNAMED } from './named-flows.ts';
import type { VethEnd } from './network-namespace.ts';
import {
  type ClusterApi,
  createTestCluster,
  type FollowedKind,
  type NamedPod,
  type OpenApi,
  podOn,
  type TestCluster,
} from './test-cluster.ts';
import { type Dialled, type Exchange, type Family, tcpTransfer, udpDatagrams } from './traffic.ts';

const SERVICE: Dialled = { address: '10.96.0.10', port: 80 };
const BALANCER: Dialled = { address: '203.0.113.5', port: 80 };
const NODE_PORT = 30_080;
const APPEARS_AFTER_MS = 2000;
/** The default of late_enrichment. */
const HELD_BACK_MS = 10_000;
const families: readonly Family[] = ['ipv4', 'ipv6'];

interface Ends {
  readonly client: VethEnd;
  readonly server: VethEnd;
  readonly family?: Family;
  /** What the client turns to, and the nodes translate. */
  readonly dialled?: Dialled;
  /** Of the server; default any. */
  readonly port?: number;
}

export function testNamedFlows<A extends ClusterApi>(openApi: OpenApi<A>): void {
  let cluster: TestCluster<A>;
  let agent: Agent;
  let web: NamedPod;
  let data: NamedPod;
  /** Behind the node that has no agent. */
  let far: NamedPod;
  const WEB = () => podNamed(cluster.nodes[0]!, 'web-5d78c-x2x', 'Deployment web');
  const DATA = () => podNamed(cluster.nodes[0]!, 'data-0', 'StatefulSet data');
  const FAR = () => podNamed(cluster.nodes[1]!, 'far');

  const known = (...kinds: readonly FollowedKind[]) => cluster.isKnown(cluster.nodes[0]!, ...kinds);

  test.before(async () => {
    cluster = await createTestCluster(openApi, { nodes: 2, routed: [BALANCER.address] });
    const [first, second] = cluster.nodes;
    const owner = { kind: 'ReplicaSet', name: 'web-5d78c' };
    web = await cluster.addPod(first!, { name: 'web-5d78c-x2x', owner, labels: { 'pod-template-hash': '5d78c' } });
    data = await cluster.addPod(first!, { name: 'data-0', owner: { kind: 'StatefulSet', name: 'data' } });
    far = await cluster.addPod(second!, { name: 'far' });
    agent = await cluster.startAgent(first!, {});
  });
  test.after.always(() => cluster?.stop());

  /** Datagrams there and back. */
  async function send({ client, server, family = 'ipv4', dialled, port: serverPort = 0 }: Ends): Promise<Exchange> {
    const dial = (port: number) => {
      for (const node of cluster.nodes) node.translate(dialled!, 'udp', { address: server.ipv4, port });
      return dialled!;
    };
    const way = { client, server, family, port: serverPort, ...(dialled === undefined ? {} : { dial }) };
    return udpDatagrams({ ...way, datagrams: 40, payloadBytes: 300, answered: true });
  }

  /** Sends, and expects the names of the request; those of the answer are the same the other way round. */
  async function named(t: ExecutionContext, ends: Ends, src: string, dst: string): Promise<void> {
    const sent = { ...ends, family: ends.family ?? 'ipv4', exchange: await send(ends) };
    await arrivesAs(t, cluster.sink, sent, `${src} -> ${dst}`, `${dst} -> ${src}`);
  }

  for (const family of families) {
    test.serial(`pods of one node and of two, a node and the outside have their names, by ${family}`, async (t) => {
      const [first, second] = cluster.nodes;
      const outside = cluster.outside;
      await named(t, { client: web, server: data, family }, WEB(), DATA());
      await named(t, { client: web, server: far, family }, WEB(), FAR());
      await named(t, { client: far, server: data, family }, FAR(), DATA());
      await named(t, { client: web, server: second!.uplink, family }, WEB(), nodeNamed(second!));
      await named(t, { client: first!.uplink, server: data, family }, nodeNamed(first!), DATA());
      await named(t, { client: first!.uplink, server: far, family }, nodeNamed(first!), FAR());
      await named(t, { client: web, server: outside, family }, WEB(), UNNAMED);
      await named(t, { client: outside, server: data, family }, UNNAMED, DATA());
    });
  }

  test.serial('behind a Service is the pod that answers, and the Service beside it', async (t) => {
    await cluster.create(
      service({ name: 'front', clusterIps: [SERVICE.address], ports: [{ port: 80, protocol: 'UDP' }] }),
    );
    await cluster.create(slice({ name: 'front-1', service: 'front', addresses: [data.ipv4] }));
    await known('Service', 'EndpointSlice');
    await named(t, { client: web, server: data, dialled: SERVICE }, WEB(), `${DATA()} [default/front]`);
    await named(t, { client: web, server: far, dialled: SERVICE }, WEB(), `${FAR()} [default/front]`);
    const [first] = cluster.nodes;
    const ofNode = { client: first!.uplink, server: data, dialled: SERVICE };
    await named(t, ofNode, nodeNamed(first!), `${DATA()} [default/front]`);
  });

  test.serial('a TCP connection by a Service has its names in both directions', async (t) => {
    const name = 'shop';
    const dialled = { address: '10.96.0.11', port: 443 };
    await cluster.create(service({ name, clusterIps: [dialled.address], ports: [{ port: 443 }] }));
    await known('Service');
    const dial = (port: number) => {
      cluster.nodes[0]!.translate(dialled, 'tcp', { address: data.ipv4, port });
      return dialled;
    };
    const ends = { client: web, server: data, family: 'ipv4' } as const;
    const exchange = await tcpTransfer({ ...ends, dial, bytes: 300_000 });
    const server = `${DATA()} [default/shop]`;
    await arrivesAs(t, cluster.sink, { ...ends, exchange }, `${WEB()} -> ${server}`, `${server} -> ${WEB()}`);
  });

  test.serial('a load balancer, a node port and a headless Service are found by what was dialled', async (t) => {
    const port = { port: 80, nodePort: NODE_PORT, protocol: 'UDP' };
    const { address } = BALANCER;
    await cluster.create(service({ name: 'edge', type: 'LoadBalancer', ingress: [address], ports: [port] }));
    const own = await cluster.addPod(cluster.nodes[0]!, { name: 'own' });
    await cluster.create(service({ name: 'direct', clusterIps: ['None'], ports: [{ port: 53, protocol: 'UDP' }] }));
    const addresses = [own.ipv4];
    await cluster.create(slice({ name: 'direct-1', service: 'direct', addresses, port: 53, protocol: 'UDP' }));
    await known('Pod', 'Service', 'EndpointSlice');
    const client = cluster.outside;
    await named(t, { client, server: web, dialled: BALANCER }, UNNAMED, `${WEB()} [default/edge]`);
    const atNode = { address: cluster.nodes[0]!.uplink.ipv4, port: NODE_PORT };
    await named(t, { client, server: web, dialled: atNode }, UNNAMED, `${WEB()} [default/edge]`);
    await named(
      t,
      { client: web, server: own, port: 53 },
      WEB(),
      `${podNamed(cluster.nodes[0]!, 'own')} [default/direct]`,
    );
  });

  test.serial('an address that is used again belongs to the pod that had it at that time', async (t) => {
    const [first] = cluster.nodes;
    const leaving = await cluster.addPod(first!, { name: 'leaving' });
    await named(t, { client: leaving, server: data }, podNamed(first!, 'leaving'), DATA());
    await cluster.api.delete(leaving.object);
    await known('Pod');
    // Flows of the last moment are read when the pod is gone already.
    await named(t, { client: leaving, server: data }, podNamed(first!, 'leaving'), DATA());
    await cluster.create(podOn(first!, leaving, { name: 'heir' }));
    await known('Pod');
    await named(t, { client: leaving, server: data }, podNamed(first!, 'heir'), DATA());
  });

  test.serial('a completed job gives its address to the next pod', async (t) => {
    const [first] = cluster.nodes;
    const owner = { kind: 'Job', name: `backup-${Math.floor(Date.now() / 60_000)}` };
    const job = await cluster.addPod(first!, { name: 'backup-1', owner });
    await named(t, { client: job, server: data }, podNamed(first!, 'backup-1', 'CronJob backup'), DATA());
    const { ips } = job;
    const finishedAt = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    await cluster.api.setStatus(job.object, podStatus({ ips, hostIps: first!.ips, phase: 'Succeeded', finishedAt }));
    await cluster.create(podOn(first!, job, { name: 'after-job' }));
    await known('Pod');
    await named(t, { client: job, server: data }, podNamed(first!, 'after-job'), DATA());
  });

  test.serial('a pod on the network of its node leaves both addresses to the node', async (t) => {
    const [first] = cluster.nodes;
    const onHost = { ...first!.uplink, ips: first!.ips, atNode: first!.uplink };
    const owner = { kind: 'DaemonSet', name: 'proxy' };
    await cluster.create(podOn(first!, onHost, { name: 'proxy-x', hostNetwork: true, owner }));
    await known('Pod');
    for (const family of families) {
      await named(t, { client: first!.uplink, server: far, family }, nodeNamed(first!), FAR());
    }
  });

  test.serial('a pod that appears two seconds after its first packet has all its bytes named', async (t) => {
    const [first] = cluster.nodes;
    const late: ClusterPod = first!.addPod();
    const startMs = performance.now();
    const sent: Exchange[] = [];
    while (performance.now() - startMs < APPEARS_AFTER_MS) sent.push(await send({ client: late, server: data }));
    const wireBytes = sent.reduce((sum, { request }) => sum + request.wireBytes, 0);
    const heldBytes = (figures: Figures) => at(figures, 'in_table_bytes', `${late.atNode.name} ingress`);
    let meanwhile = await scrape(first!.namespace);
    // The last of it may not have been read yet.
    while (heldBytes(meanwhile) < wireBytes && performance.now() - startMs < HELD_BACK_MS) {
      meanwhile = await scrape(first!.namespace);
    }
    t.true(heldBytes(meanwhile) >= wireBytes, 'held back until it is known');
    closes(t, meanwhile);
    await cluster.create(podOn(first!, late, { name: 'late' }));
    for (const exchange of sent) {
      const [src, dst] = [podNamed(first!, 'late'), DATA()];
      const way = { client: late, family: 'ipv4', exchange } as const;
      await arrivesAs(t, cluster.sink, way, `${src} -> ${dst}`, `${dst} -> ${src}`);
    }
    closes(t, await scrape(first!.namespace));
  });

  test.serial('with nat: none a Service is the destination itself', async (t) => {
    const [, second] = cluster.nodes;
    const other = await cluster.addPod(second!, { name: 'other' });
    const own = await cluster.startAgent(second!, { receiver: 'nat: none' });
    const before = cluster.sink.points().length;
    const exchange = await send({ client: far, server: other, dialled: SERVICE });
    const ended = await own.stop();
    t.is(ended.code, 0, ended.stderr);
    t.true(cluster.sink.points().length > before);
    // The answer shows the pod on its own wire.
    const sent = { client: far, family: 'ipv4', exchange, dialledPort: SERVICE.port } as const;
    const src = podNamed(second!, 'other');
    const front = 'Service default/front of Service front [default/front]';
    await arrivesAs(t, cluster.sink, sent, `${FAR()} -> ${front}`, `${src} -> ${FAR()}`);
  });

  test.serial('each agent says its node and its cluster, and each point the cluster', async (t) => {
    const uid = await cluster.api.uid();
    for (const { metric, resource, attributes } of cluster.sink.points()) {
      t.regex(String(resource['k8s.node.name']), /^node-[12]$/);
      t.is(resource['k8s.cluster.name'], uid);
      if (metric === METRIC) t.is(attributes['k8s.cluster.name'], uid);
    }
  });

  test.serial('the ledger closes, and at the end nothing is left', async (t) => {
    closes(t, await scrape(cluster.nodes[0]!.namespace));
    const { code, stdout, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.regex(stdout + stderr, /ledger {2}eth0 .* lost 0\b/);
  });
}
