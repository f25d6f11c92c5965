/**
 * Tests of who reports what two agents see: three nodes, agents on two of them, and every pair of ends that a cluster
 * has. The bytes of all agents together are compared with what was sent. The same against any API server.
 */

import test, { type ExecutionContext } from 'ava';
import { sumsBy } from '../e2e/agent.ts';
import { at, closes, type Figures, scrape } from '../e2e/ledger-figures.ts';
import type { ClusterNode } from './cluster-network.ts';
import { service } from './kubernetes-objects.ts';
import { endOf, UNNAMED } from './named-flows.ts';
import type { VethEnd } from './network-namespace.ts';
import {
  type ClusterApi,
  createTestCluster,
  type NamedPod,
  type OpenApi,
  podOn,
  type TestCluster,
} from './test-cluster.ts';
import { type Family, tcpTransfer, udpDatagrams, type WireAmount } from './traffic.ts';

const METRIC = 'beyla.network.flow.bytes';
const FLOW = ['src.address', 'src.port', 'dst.address', 'dst.port'];
const SERVICE = { address: '10.96.0.10', port: 80 };
const families: readonly Family[] = ['ipv4', 'ipv6'];
const AGENT = { kind: 'DaemonSet', name: 'weir' };

/** An end of a flow, and the node that it is behind; none for the outside. */
interface Place {
  readonly end: VethEnd;
  readonly node: ClusterNode | undefined;
}

interface Flow {
  readonly src: Place;
  readonly dst: Place;
  readonly family: Family;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly amount: WireAmount;
  /** Of the end that another node stands for, that node: where it was not the one that reports. */
  readonly shownDst?: Place;
}

interface RunOptions {
  /** What the pod of the agent on a node is told besides. */
  readonly environment?: (node: ClusterNode) => Readonly<Record<string, string>>;
  readonly send?: () => Promise<readonly Flow[]>;
}

type Observer = 'source' | 'destination' | 'both';

export function testObservers<A extends ClusterApi>(openApi: OpenApi<A>, rules: 'default' | 'all'): void {
  let cluster: TestCluster<A>;
  let pods: readonly NamedPod[];
  /** The first two pods are behind the first node, the next two behind the second, and the last has no agent. */
  const nodeOfPod = (index: number) => cluster.nodes[Math.floor(index / 2)];
  const agentNodes = () => cluster.nodes.slice(0, 2);

  test.before(async () => {
    cluster = await createTestCluster(openApi, { nodes: 3 });
    const made: NamedPod[] = [];
    for (let index = 0; index < 5; index++) {
      made.push(await cluster.addPod(nodeOfPod(index)!, { name: `pod-${index}` }));
    }
    pods = made;
    await cluster.create(service({ name: 'front', clusterIps: [SERVICE.address], ports: [{ port: 80 }] }));
  });
  test.after.always(() => cluster?.stop());

  const pod = (index: number): Place => ({ end: pods[index]!, node: nodeOfPod(index) });
  const host = (index: number): Place => ({ end: cluster.nodes[index]!.uplink, node: cluster.nodes[index] });

  const outside = (): Place => ({ end: cluster.outside, node: undefined });

  /** Of every kind of two ends, one of which at least is behind an agent, a pair for each way between the nodes. */
  const pairs = (): readonly (readonly [Place, Place])[] => {
    return [
      [pod(0), pod(1)],
      [pod(0), pod(2)],
      [pod(3), pod(1)],
      [pod(0), pod(4)],
      [pod(4), pod(2)],
      [host(0), pod(0)],
      [host(0), pod(2)],
      [pod(2), host(0)],
      [host(0), host(1)],
      [pod(1), host(2)],
      [host(2), host(1)],
      [pod(1), outside()],
      [outside(), pod(3)],
      [host(1), outside()],
      [outside(), host(0)],
    ];
  };

  /** Datagrams there and back; a node itself speaks TCP with others. */
  async function sendAll(): Promise<readonly Flow[]> {
    const flows: Flow[] = [];
    for (const [index, [src, dst]] of pairs().entries()) {
      const family = families[index % families.length]!;
      const ends = { client: src.end, server: dst.end, family } as const;
      const sent = await udpDatagrams({ ...ends, datagrams: 10, payloadBytes: 400, answered: true });
      const ports = { srcPort: sent.clientPort, dstPort: sent.serverPort };
      const back = { srcPort: sent.serverPort, dstPort: sent.clientPort };
      flows.push({ src, dst, family, ...ports, amount: sent.request });
      flows.push({ src: dst, dst: src, family, ...back, amount: sent.response });
    }
    return flows;
  }

  /** A connection by a Service to a pod behind the other node: the true ends, however it was dialled. */
  async function dialService(): Promise<readonly Flow[]> {
    const [src, dst] = [pod(0), pod(2)];
    const dial = (port: number) => {
      src.node!.translate(SERVICE, 'tcp', { address: dst.end.ipv4, port });
      return SERVICE;
    };
    const ends = { client: src.end, server: dst.end, family: 'ipv4' } as const;
    const { clientPort, serverPort, request, response } = await tcpTransfer({ ...ends, dial, bytes: 200_000 });
    return [
      { src, dst, family: 'ipv4', srcPort: clientPort, dstPort: serverPort, amount: request },
      { src: dst, dst: src, family: 'ipv4', srcPort: serverPort, dstPort: clientPort, amount: response },
    ];
  }

  /** From the outside to a port of the first node, which turns to a pod behind the second as itself. */
  async function dialNodePort(): Promise<readonly Flow[]> {
    const [src, dst] = [outside(), pod(2)];
    const dialled = { address: host(0).end.ipv4, port: 30_080 };
    const dial = (port: number) => {
      cluster.nodes[0]!.translate(dialled, 'tcp', { address: dst.end.ipv4, port }, true);
      return dialled;
    };
    const ends = { client: src.end, server: dst.end, family: 'ipv4' } as const;
    const { clientPort, serverPort, request, response } = await tcpTransfer({ ...ends, dial, bytes: 100_000 });
    const ports = { srcPort: clientPort, dstPort: serverPort };
    const back = { srcPort: serverPort, dstPort: clientPort };
    return [
      { src, dst, family: 'ipv4', ...ports, amount: request },
      // The node of the pod, which reports it, cannot know for whom the other node asks.
      { src: dst, dst: src, family: 'ipv4', ...back, amount: response, shownDst: host(0) },
    ];
  }

  /** The nodes whose agent sees a flow; the first is that of its source, if it has one. */
  const seenBy = ({ src, dst }: Flow) => agentNodes().filter((node) => node === src.node || node === dst.node);

  const timesReported = (flow: Flow, observer: Observer) => (observer === 'both' ? seenBy(flow).length : 1);

  const sendEverything = async () => [...(await sendAll()), ...(await dialService())];

  async function run(t: ExecutionContext, observer: Observer, attributes: string, options: RunOptions = {}) {
    const { environment = () => ({}), send = sendEverything } = options;
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
    for (const node of agentNodes()) ledgers.set(node, await settledLedger(node));
    for (const agent of agents) {
      const { code, stderr } = await agent.stop();
      t.is(code, 0, stderr);
    }
    const points = cluster.sink.points().slice(before);
    const sums = sumsBy(points, METRIC, FLOW);
    t.deepEqual(sorted(sums), sorted(expected));
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

  /** The ledger once nothing is held back or waits any more. */
  async function settledLedger(node: ClusterNode): Promise<Figures> {
    for (;;) {
      const figures = await scrape(node.namespace);
      const waiting = [...(figures.get('in_table_bytes')?.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
      if (waiting === 0) return figures;
    }
  }

  /** What a node's wire to the others brought, and its agent left to another. */
  const leftToOthers = (ledgers: ReadonlyMap<ClusterNode, Figures>, node: ClusterNode) =>
    at(ledgers.get(node)!, 'filtered_bytes_total', `${node.uplink.name} ingress counted_elsewhere`);

  const between = (flows: readonly Flow[], dst: ClusterNode) =>
    flows
      .filter((flow) => flow.dst.node === dst && flow.src.node !== dst && seenBy(flow).length === 2)
      .reduce((sum, { amount }) => sum + amount.wireBytes, 0);

  const NAMED_NODES = 'observer_nodes: [node-1, node-2]';

  test.serial(
    'with observer: source every byte is reported once in the cluster, by the node of its source',
    async (t) => {
      const { flows, ledgers } = await run(t, 'source', `flow: {observer: source, ${NAMED_NODES}}`);
      for (const node of agentNodes()) t.is(leftToOthers(ledgers, node), between(flows, node), node.name);
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
    await run(t, 'source', `flow: {observer: source, ${NAMED_NODES}}`, { send: dialNodePort });
  });

  if (rules === 'default') return;

  test.serial('with observer: both what crosses two nodes is reported twice', async (t) => {
    const { ledgers } = await run(t, 'both', `flow: {observer: both, ${NAMED_NODES}}`);
    for (const node of agentNodes()) t.is(leftToOthers(ledgers, node), 0, node.name);
  });

  test.serial('with observer: destination every byte is reported once, by the node of its destination', async (t) => {
    const { ledgers } = await run(t, 'destination', `flow: {observer: destination, ${NAMED_NODES}}`);
    // What comes in is reported here; what goes to another node is left to it, and was counted where it came in.
    for (const node of agentNodes()) t.is(leftToOthers(ledgers, node), 0, node.name);
  });

  test.serial('where no DaemonSet is known and no node is named it is as with both', async (t) => {
    await run(t, 'both', '');
  });
}

const sorted = (sums: ReadonlyMap<string, number>) => Object.fromEntries([...sums].sort());
