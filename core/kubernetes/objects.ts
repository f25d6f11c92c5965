/**
 * What is kept of each Kubernetes object: immutable records. core/kubernetes/resources.ts makes them while parsing;
 * nothing else of an object is ever held.
 */

import type { Owner } from './owner.ts';

export type Texts = Readonly<Record<string, string>>;

interface Kept {
  /** Equal for all states of one object, and never used again for another. */
  readonly uid: string;
  readonly name: string;
  /** Empty for what has no namespace. */
  readonly namespace: string;
  /** Every address of it, in canonical spelling, each once. */
  readonly addresses: readonly string[];
  /** Since when it may have had them, in milliseconds since the epoch. */
  readonly fromMs: number;
}

export interface PodRecord extends Kept {
  readonly kind: 'Pod';
  readonly owner: Owner;
  /** Empty until it is scheduled. */
  readonly nodeName: string;
  /** Primary address of its node; undefined until it is scheduled. */
  readonly hostIp: string | undefined;
  /** True where it uses its node's network: then it has no address of its own, though its status names some. */
  readonly hostNetwork: boolean;
  /** True where `fromMs` is when it got its addresses, false where it is only when it started. */
  readonly fromIsExact: boolean;
  /** When it gave its addresses back, having Succeeded or Failed; undefined while it runs. */
  readonly endedMs: number | undefined;
  /** When it was created, in milliseconds since the epoch. */
  readonly createdMs: number;
  /** Those that were asked for. */
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly details: PodDetails | undefined;
}

/** What only data that comes from a pod itself is told; it is read where it was asked for. */
export interface PodDetails {
  /** As its specification names it; undefined: by the pod's name. */
  readonly hostname: string | undefined;
  readonly owners: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  /** Those that initialize it come last. */
  readonly containers: readonly ContainerDetails[];
}

export interface ContainerDetails {
  readonly name: string;
  /** As the specification names it; undefined where only the status names the container. */
  readonly image: string | undefined;
  /** Undefined before it has run. */
  readonly status: { readonly id: string; readonly imageId: string; readonly restarts: number } | undefined;
}

export interface NodeRecord extends Kept {
  readonly kind: 'Node';
  /** Its internal address, else its first. */
  readonly ip: string | undefined;
  /** All of them: zone, region and the names of clusters are told from these. */
  readonly labels: Texts;
  readonly annotations: Texts;
  /** Ranges of its pods' addresses, such as 10.244.1.0/24; often none. */
  readonly podRanges: readonly string[];
  /** `aws:///eu-west-1a/i-0123`; empty outside clouds. */
  readonly providerId: string;
}

export interface ServicePort {
  /** TCP, UDP or SCTP. */
  readonly protocol: string;
  readonly port: number;
  /** On every address of every node; 0 for none. */
  readonly nodePort: number;
}

export interface ServiceRecord extends Kept {
  readonly kind: 'Service';
  /** ClusterIP, NodePort, LoadBalancer, ExternalName. */
  readonly type: string;
  readonly headless: boolean;
  readonly ports: readonly ServicePort[];
}

export interface SliceRecord extends Kept {
  readonly kind: 'EndpointSlice';
  /** Name of its Service, in the same namespace; empty for none. */
  readonly service: string;
  readonly ports: readonly ServicePort[];
}

export interface NamespaceRecord extends Kept {
  readonly kind: 'Namespace';
  readonly labels: Texts;
  readonly annotations: Texts;
}

export type KubernetesRecord = PodRecord | NodeRecord | ServiceRecord | SliceRecord | NamespaceRecord;
