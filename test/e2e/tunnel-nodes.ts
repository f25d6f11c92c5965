/** Two nodes with pods on a bridge, a quiet wire between them and a VXLAN over it; and what an agent says of the tunnel. */

import {
  createNetworkNamespace,
  disableIpv6,
  joinByVeth,
  type NetworkNamespace,
  type VethEnd,
} from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { sumsBy } from './agent.ts';

/** Ethernet, IPv4, UDP and VXLAN before each frame inside. */
export const CARRYING_HEADER_BYTES = 14 + 20 + 8 + 8;
/** Else a pod's first large segments would count at its device and be refused by the tunnel. */
const TUNNEL_MTU_BYTES = 1450;

export interface Node {
  readonly namespace: NetworkNamespace;
  readonly uplink: VethEnd;
  readonly pod: VethEnd;
}

/** A node whose pods have 10.99.`number`.0/24, behind an uplink. */
function nodeBehind(uplink: VethEnd, number: number): Node {
  const { namespace } = uplink;
  const pod = createNetworkNamespace();
  const [inside, outside] = joinByVeth(pod, namespace, { mtuBytes: TUNNEL_MTU_BYTES });
  const gateway = `10.99.${number}.1`;
  const ipv4 = `10.99.${number}.2`;
  // Nothing of the kernel's own comes from a pod, nor from a device that is added to the node: no groups are reported.
  for (const end of [inside, outside]) disableIpv6(end.namespace, end.name);
  disableIpv6(namespace);
  namespace.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
  namespace.run('ip', 'address', 'add', `${gateway}/24`, 'dev', 'br0');
  namespace.run('ip', 'link', 'set', 'br0', 'up');
  namespace.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  namespace.run('ip', 'address', 'flush', 'dev', outside.name);
  namespace.run('ip', 'link', 'set', outside.name, 'master', 'br0');
  pod.run('ip', 'address', 'flush', 'dev', inside.name);
  pod.run('ip', 'address', 'add', `${ipv4}/24`, 'dev', inside.name);
  pod.run('ip', 'route', 'add', 'default', 'via', gateway);
  return { namespace, uplink, pod: { ...inside, ipv4 } };
}

/** Of a node in the tunnel. */
export const addressIn = (number: number) => `10.98.0.${number}`;

export function addTunnel({ namespace, uplink }: Node, there: VethEnd, number: number, port = 4789): void {
  const ends = ['local', uplink.ipv4, 'remote', there.ipv4, 'dstport', `${port}`, 'dev', uplink.name];
  namespace.run('ip', 'link', 'add', 'vxlan0', 'type', 'vxlan', 'id', '7', ...ends);
  namespace.run('ip', 'address', 'add', `${addressIn(number)}/24`, 'dev', 'vxlan0');
  namespace.run('ip', 'link', 'set', 'vxlan0', 'up');
  namespace.run('ip', 'route', 'add', `10.99.${3 - number}.0/24`, 'via', addressIn(3 - number));
}

export function twoNodes(offload: boolean): readonly [Node, Node] {
  const [left, right] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true, offload });
  return [nodeBehind(left, 1), nodeBehind(right, 2)];
}

export interface Sum {
  readonly bytes: number;
  readonly packets: number;
}

/** Sums over the flows with this value of `tunnel`; `-`: without one. */
export function carried(points: readonly ReceivedPoint[], kind: string): Sum {
  const of = (metric: string) => sumsBy(points, `beyla.network.flow.${metric}`, ['tunnel']).get(kind) ?? 0;
  return { bytes: of('bytes'), packets: of('packets') };
}

/** A figure in the lines of an interface at exit, one line a receiver. */
export function figuresAtExit(stderr: string, name: string, figure: string): number[] {
  const lines = stderr.matchAll(new RegExp(`^ledger  ${name} .*${figure} (\\S+)`, 'gm'));
  return [...lines].map(([, value]) => Number(value?.replaceAll(',', '')));
}
