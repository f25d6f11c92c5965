/**
 * Tests of who reports what two agents see: three nodes, agents on two of them, and every pair of ends that a cluster
 * has. The bytes of all agents together are compared with what was sent. The same against any API server.
 */

import test, { type ExecutionContext } from 'ava';
import { sumsBy } from '../e2e/agent.ts';
import { at, closes, type Figures, scrape } from '../e2e/ledger-figures.ts';
import { type ClusterFlows, clusterFlows, type Flow, SERVICE } from './cluster-flows.ts';
import type { ClusterNode } from './cluster-network.ts';
import { service } from './kubernetes-objects.ts';
import { endOf, METRIC, UNNAMED } from './named-flows.ts';
import { type ClusterApi, createTestCluster, type OpenApi, podOn, type TestCluster, zoneOf } from './test-cluster.ts';

const ZONE_METRIC = 'beyla.network.inter.zone.bytes';
const PATIENCE_MS = 20_000;
const FLOW = ['src.address', 'src.port', 'dst.address', 'dst.port'];
const AGENT = { kind: 'DaemonSet', name: 'weir' };

interface RunOptions {
  /** What the pod of the agent on a node is told besides. */
  readonly environment?: (node: ClusterNode) => Readonly<Record<string, string>>;
  readonly send?: () => Promise<readonly Flow[]>;
}

type Observer = 'source' | 'destination' | 'both';

export function testObservers<A extends ClusterApi>(openApi: OpenApi<A>, rules: 'default' | 'all'): void {
  let cluster: TestCluster<A>;
  let flowsOfCluster: ClusterFlows;
  const agentNodes = () => cluster.nodes.slice(0, 2);

  test.before(async () => {
    cluster = await createTestCluster(openApi, { nodes: 3 });
    flowsOfCluster = await clusterFlows(cluster);
    await cluster.create(service({ name: 'front', clusterIps: [SERVICE.address], ports: [{ port: 80 }] }));
  });
  test.after.always(() => cluster?.stop());

  /** The nodes whose agent sees a flow; the first is that of its source, if it has one. */
  const seenBy = ({ src, dst }: Flow) => agentNodes().filter((node) => node === src.node || node === dst.node);

  const timesReported = (flow: Flow, observer: Observer) => (observer === 'both' ? seenBy(flow).length : 1);

  /** Every node is a zone; the outside, whose zone nobody knows, is in no sum. */
  function betweenZones(flows: readonly Flow[], observer: Observer): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const flow of flows) {
      const [src, dst] = [flow.src.node, (flow.shownDst ?? flow.dst).node];
      if (src === undefined || dst === undefined || src === dst) continue;
      const key = `${zoneOf(src.name)} ${zoneOf(dst.name)}`;
      sums.set(key, (sums.get(key) ?? 0) + flow.amount.wireBytes * timesReported(flow, observer));
    }
    return sums;
  }

  async function run(t: ExecutionContext, observer: Observer, attributes: string, options: RunOptions = {}) {
    const { environment = () => ({}), send = flowsOfCluster.everything } = options;
    const before = cluster.sink.points().length;
    const agents = [];
    for (const node of agentNodes()) {
      agents.push(await cluster.startAgent(node, { attributes }, { environment: environment(node) }));
    }
    const flows = await send();
    const expected = new Map<string, number>();
    for (const flow of flows) {
      const { src, dst, family, srcPort, dstPort, amount, shownDst = dst } = flow;
      const key = `${src.end[family]} ${srcPort} ${shownDst.end[family]} ${dstPort}`;
      expected.set(key, amount.wireBytes * timesReported(flow, observer));
    }
    const ledgers = new Map<ClusterNode, Figures>();
    for (const node of agentNodes()) ledgers.set(node, await settledLedger(node, observer === 'source' ? flows : []));
    for (const agent of agents) {
      const { code, stderr } = await agent.stop();
      t.is(code, 0, stderr);
    }
    const points = cluster.sink.points().slice(before);
    t.deepEqual(sorted(sumsBy(points, METRIC, FLOW)), sorted(expected));
    t.deepEqual(sorted(sumsBy(points, ZONE_METRIC, ['src.zone', 'dst.zone'])), sorted(betweenZones(flows, observer)));
    const addressesOfNobody = new Set<unknown>([cluster.outside.ipv4, cluster.outside.ipv6]);
    for (const { metric, attributes: seen } of points) {
      if (metric !== METRIC) continue;
      for (const end of ['src', 'dst'] as const) {
        t.is(endOf(seen, end) === UNNAMED, addressesOfNobody.has(seen[`${end}.address`]), JSON.stringify(seen));
      }
    }
    for (const ledger of ledgers.values()) closes(t, ledger);
    return { flows, ledgers };
  }

  /**
   * The ledger once nothing is held back or waits any more, and the last packet that is left to another is in it too:
   * a read of the table may come just before that packet. After the patience the test compares what there is.
   */
  async function settledLedger(node: ClusterNode, leftOut: readonly Flow[]): Promise<Figures> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const figures = await scrape(node.namespace);
      const waiting = [...(figures.get('in_table_bytes')?.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
      const complete = waiting === 0 && leftToOthers(figures, node) >= between(leftOut, node);
      if (complete || performance.now() > deadlineMs) return figures;
    }
  }

  /** What a node's wire to the others brought, and its agent left to another. */
  const leftToOthers = (ledger: Figures, node: ClusterNode) =>
    at(ledger, 'filtered_bytes_total', `${node.uplink.name} ingress counted_elsewhere`);

  const between = (flows: readonly Flow[], dst: ClusterNode) =>
    flows
      .filter((flow) => flow.dst.node === dst && flow.src.node !== dst && seenBy(flow).length === 2)
      .reduce((sum, { amount }) => sum + amount.wireBytes, 0);

  const NAMED_NODES = 'observer_nodes: [node-1, node-2]';

  test.serial(
    'with observer: source every byte is reported once in the cluster, by the node of its source',
    async (t) => {
      const { flows, ledgers } = await run(t, 'source', `flow: {observer: source, ${NAMED_NODES}}`);
      for (const node of agentNodes()) t.is(leftToOthers(ledgers.get(node)!, node), between(flows, node), node.name);
    },
  );

  test.serial('the nodes that run an agent are told from the pods of its DaemonSet', async (t) => {
    for (const node of agentNodes()) {
      const { uplink, ips } = node;
      const options = { name: `weir-${node.name}`, hostNetwork: true, owner: AGENT };
      await cluster.create(podOn(node, { ...uplink, ips, atNode: uplink }, options));
    }
    const environment = (node: ClusterNode) => ({ POD_NAME: `weir-${node.name}`, POD_NAMESPACE: 'default' });
    await run(t, 'source', '', { environment });
  });

  test.serial('what comes to a port of a node and goes on to another as its own is reported once', async (t) => {
    await run(t, 'source', `flow: {observer: source, ${NAMED_NODES}}`, { send: flowsOfCluster.nodePort });
  });

  if (rules === 'default') return;

  test.serial('with observer: both what crosses two nodes is reported twice', async (t) => {
    const { ledgers } = await run(t, 'both', `flow: {observer: both, ${NAMED_NODES}}`);
    for (const node of agentNodes()) t.is(leftToOthers(ledgers.get(node)!, node), 0, node.name);
  });

  test.serial('with observer: destination every byte is reported once, by the node of its destination', async (t) => {
    const { ledgers } = await run(t, 'destination', `flow: {observer: destination, ${NAMED_NODES}}`);
    // What comes in is reported here; what goes to another node is left to it, and was counted where it came in.
    for (const node of agentNodes()) t.is(leftToOthers(ledgers.get(node)!, node), 0, node.name);
  });

  test.serial('where no DaemonSet is known and no node is named it is as with both', async (t) => {
    await run(t, 'both', '');
  });
}

const sorted = (sums: ReadonlyMap<string, number>) => Object.fromEntries([...sums].sort());
