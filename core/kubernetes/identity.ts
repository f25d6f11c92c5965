/** Who an address belongs to, as readers of the store see it. Values are never changed once given out. */

import type { NodeRecord, PodRecord, Texts } from './objects.ts';
import type { Owner } from './owner.ts';

export interface Identity {
  readonly kind: 'Pod' | 'Node' | 'Service';
  readonly name: string;
  /** Empty for a node. */
  readonly namespace: string;
  /** Empty for a Service that only an EndpointSlice names. */
  readonly uid: string;
  /** The workload that owns a pod; a bare pod, a Service and a node own themselves. */
  readonly owner: Owner;
  /** The node that a pod runs on, or the node itself; undefined for a Service and for a pod that has none. */
  readonly node: NodeIdentity | undefined;
  /** Of the pod; undefined for others. */
  readonly pod: PodRecord | undefined;
}

export interface NodeIdentity {
  readonly name: string;
  /** As its pods name it, else its internal address. */
  readonly ip: string | undefined;
  /** All of them, for zone and region among others; none while the node itself is not known. */
  readonly labels: Texts;
}

export interface ServiceName {
  readonly name: string;
  readonly namespace: string;
}

const NO_LABELS: Texts = Object.freeze({});

export function identityOfPod(pod: PodRecord, node: NodeRecord | undefined): Identity {
  const { name, namespace, uid, owner, nodeName, hostIp } = pod;
  const runsOn =
    nodeName === '' ? undefined : { name: nodeName, ip: hostIp ?? node?.ip, labels: node?.labels ?? NO_LABELS };
  return { kind: 'Pod', name, namespace, uid, owner, node: runsOn, pod };
}

export const identityOfNode = ({ name, uid, ip, labels }: NodeRecord): Identity => ({
  kind: 'Node',
  name,
  namespace: '',
  uid,
  owner: { kind: 'Node', name },
  node: { name, ip, labels },
  pod: undefined,
});

export const identityOfService = ({ name, namespace }: ServiceName, uid: string): Identity => ({
  kind: 'Service',
  name,
  namespace,
  uid,
  owner: { kind: 'Service', name },
  node: undefined,
  pod: undefined,
});
