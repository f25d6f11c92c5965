/**
 * The network of a small cluster: nodes with pods behind them, joined by a router that no agent watches. Beside the
 * router stands a host that belongs to nobody; on the router the API server and the OTLP server of a test listen.
 */

import { createNetworkNamespace, joinByVeth, type NetworkNamespace, NFT, type VethEnd } from './network-namespace.ts';
import type { Dialled, Family } from './traffic.ts';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

export interface ClusterNode {
  readonly name: string;
  readonly namespace: NetworkNamespace;
  /** Its end of the wire to the router: what it has as a host. */
  readonly uplink: VethEnd;
  /** Both of its addresses, and the ranges of its pods. */
  readonly ips: readonly string[];
  readonly podCidrs: readonly string[];
  /** A new pod behind this node; the node's end of its wire. */
  addPod(): ClusterPod;
  /**
   * Replaces the node's rules: what is dialled goes to the server, as kube-proxy writes it, and shows the node's address
   * there with `masqueraded`.
   */
  translate(dialled: Dialled, transport: 'tcp' | 'udp', server: Dialled, masqueraded?: boolean): void;
}

export interface ClusterPod extends VethEnd {
  readonly ips: readonly string[];
  readonly atNode: VethEnd;
}

export interface ClusterNetwork {
  readonly router: NetworkNamespace;
  /** An address of the router that every node reaches. */
  readonly control: string;
  readonly nodes: readonly ClusterNode[];
  /** A host of nobody. */
  readonly outside: VethEnd;
}

export const CONTROL_ADDRESS = '192.168.0.1';
const OUTSIDE = { ipv4: '198.51.100.7', ipv6: '2001:db8:51::7' };
const OUTSIDE_ROUTER = { ipv4: '198.51.100.1', ipv6: '2001:db8:51::1' };

/** `routed`: addresses that the router sends to the first node, such as that of a load balancer. */
export function createClusterNetwork(nodeCount: number, routed: readonly string[] = []): ClusterNetwork {
  const router = createNetworkNamespace();
  forward(router);
  router.run('ip', 'address', 'add', `${CONTROL_ADDRESS}/32`, 'dev', 'lo');
  const nodes = Array.from({ length: nodeCount }, (_, index) => joinNode(router, index + 1));
  const addresses = [OUTSIDE, OUTSIDE_ROUTER] as const;
  const [outside, atRouter] = joinByVeth(createNetworkNamespace(), router, { addresses });
  routeToGateway(outside, atRouter);
  for (const address of routed) route(router, address, nodes[0]!.uplink);
  return { router, control: CONTROL_ADDRESS, nodes, outside };
}

function joinNode(router: NetworkNamespace, number: number): ClusterNode {
  const namespace = createNetworkNamespace();
  forward(namespace);
  const own = { ipv4: `192.168.${number}.10`, ipv6: `fd00:168:${number}::10` };
  const gateway = { ipv4: `192.168.${number}.1`, ipv6: `fd00:168:${number}::1` };
  const [uplink, atRouter] = joinByVeth(namespace, router, { addresses: [own, gateway] });
  routeToGateway(uplink, atRouter);
  const podCidrs = [`10.244.${number}.0/24`, `fd00:244:${number}::/64`];
  for (const range of podCidrs) route(router, range, uplink);
  const podGateway = { ipv4: `10.244.${number}.1`, ipv6: `fd00:244:${number}::1` };
  let pods = 1;
  return {
    name: `node-${number}`,
    namespace,
    uplink,
    ips: [own.ipv4, own.ipv6],
    podCidrs,
    addPod() {
      pods += 1;
      const ofPod = { ipv4: `10.244.${number}.${pods}`, ipv6: `fd00:244:${number}::${pods}` };
      const [inside, atNode] = joinByVeth(createNetworkNamespace(), namespace, { addresses: [ofPod, podGateway] });
      routeToGateway(inside, atNode);
      // To its pods a node shows itself, not the end of the wire.
      for (const family of FAMILIES) {
        namespace.run('ip', 'route', 'replace', inside[family], 'dev', atNode.name, 'src', own[family]);
      }
      return { ...inside, ips: [ofPod.ipv4, ofPod.ipv6], atNode };
    },
    translate(dialled, transport, server, masqueraded = false) {
      const to = `ip daddr ${dialled.address} ${transport} dport ${dialled.port} dnat to ${server.address}:${server.port};`;
      const from = masqueraded ? 'ct status dnat masquerade;' : '';
      namespace.run(
        NFT,
        `table ip services {}
        flush table ip services
        table ip services {
          chain incoming { type nat hook prerouting priority -100; ${to} }
          chain local { type nat hook output priority -100; ${to} }
          chain leaving { type nat hook postrouting priority 100; ${from} }
        }`,
      );
    },
  };
}

/** One end alone at its address, the other its way out. */
function routeToGateway(end: VethEnd, gateway: VethEnd): void {
  for (const family of FAMILIES) {
    end.namespace.run('ip', 'route', 'add', gateway[family], 'dev', end.name);
    end.namespace.run('ip', 'route', 'add', 'default', 'via', gateway[family], 'dev', end.name);
    gateway.namespace.run('ip', 'route', 'add', end[family], 'dev', gateway.name);
  }
}

/** To what lies behind that end of a wire to this namespace. */
function route(from: NetworkNamespace, destination: string, via: VethEnd): void {
  const gateway = destination.includes(':') ? via.ipv6 : via.ipv4;
  from.run('ip', 'route', 'add', destination, 'via', gateway);
}

function forward(namespace: NetworkNamespace): void {
  for (const each of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
    namespace.run('sh', '-c', `echo 1 > /proc/sys/net/${each}`);
  }
}
