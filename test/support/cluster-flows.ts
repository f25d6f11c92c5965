/** What is sent in a cluster of three nodes between every kind of two ends, with exact knowledge of what crossed the wire. */

import type { ClusterNode } from './cluster-network.ts';
import type { VethEnd } from './network-namespace.ts';
import type { ClusterApi, NamedPod, TestCluster } from './test-cluster.ts';
import { type Exchange, type Family, tcpTransfer, udpDatagrams, type WireAmount } from './traffic.ts';

/** Of a Service that the cluster must have. */
export const SERVICE = { address: '10.96.0.10', port: 80 } as const;
const NODE_PORT = 30_080;
const families: readonly Family[] = ['ipv4', 'ipv6'];

/** An end of a flow, and the node that it is behind; none for the outside. */
export interface Place {
  readonly end: VethEnd;
  readonly node: ClusterNode | undefined;
}

export interface Flow {
  readonly src: Place;
  readonly dst: Place;
  readonly family: Family;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly amount: WireAmount;
  /** Of the end that another node stands for, that node: where it was not the one that reports. */
  readonly shownDst?: Place;
}

export interface ClusterFlows {
  /** Of every kind of two ends, one of which at least is behind one of the first two nodes. */
  everything(): Promise<readonly Flow[]>;
  /** From the outside to a port of the first node, which turns to a pod behind the second as itself. */
  nodePort(): Promise<readonly Flow[]>;
}

/** Adds the pods: the first two are behind the first node, the next two behind the second, and the last behind the third. */
export async function clusterFlows<A extends ClusterApi>(cluster: TestCluster<A>): Promise<ClusterFlows> {
  const pods: NamedPod[] = [];
  const nodeOfPod = (index: number) => cluster.nodes[Math.floor(index / 2)]!;
  for (let index = 0; index < 5; index++) {
    pods.push(await cluster.addPod(nodeOfPod(index), { name: `pod-${index}` }));
  }
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
  async function datagrams(): Promise<readonly Flow[]> {
    const flows: Flow[] = [];
    for (const [index, [src, dst]] of pairs().entries()) {
      const family = families[index % families.length]!;
      const ends = { client: src.end, server: dst.end, family } as const;
      const sent = await udpDatagrams({ ...ends, datagrams: 10, payloadBytes: 400, answered: true });
      flows.push(...flowsOf(src, dst, family, sent));
    }
    return flows;
  }

  /** To a pod behind the other node: the true ends, however they were dialled. */
  async function byService(): Promise<readonly Flow[]> {
    const [src, dst] = [pod(0), pod(2)];
    const dial = (port: number) => {
      src.node!.translate(SERVICE, 'tcp', { address: dst.end.ipv4, port });
      return SERVICE;
    };
    const ends = { client: src.end, server: dst.end, family: 'ipv4' } as const;
    return flowsOf(src, dst, 'ipv4', await tcpTransfer({ ...ends, dial, bytes: 200_000 }));
  }

  async function nodePort(): Promise<readonly Flow[]> {
    const [src, dst] = [outside(), pod(2)];
    const dialled = { address: host(0).end.ipv4, port: NODE_PORT };
    const dial = (port: number) => {
      cluster.nodes[0]!.translate(dialled, 'tcp', { address: dst.end.ipv4, port }, true);
      return dialled;
    };
    const ends = { client: src.end, server: dst.end, family: 'ipv4' } as const;
    const [request, response] = flowsOf(src, dst, 'ipv4', await tcpTransfer({ ...ends, dial, bytes: 100_000 }));
    // The node of the pod, which reports the answer, cannot know for whom the other node asks.
    return [request, { ...response, shownDst: host(0) }];
  }

  return { nodePort, everything: async () => [...(await datagrams()), ...(await byService())] };
}

function flowsOf(src: Place, dst: Place, family: Family, exchange: Exchange): readonly [Flow, Flow] {
  const { clientPort, serverPort, request, response } = exchange;
  return [
    { src, dst, family, srcPort: clientPort, dstPort: serverPort, amount: request },
    { src: dst, dst: src, family, srcPort: serverPort, dstPort: clientPort, amount: response },
  ];
}
