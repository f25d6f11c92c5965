/**
 * The resources that are followed: where the API has each, what is read of its objects, and the record that is made of
 * them. Only the fields named here are ever parsed.
 */

import { canonicalAddress, canonicalAddresses } from './addresses.ts';
import { flag, list, number, object, type Reader, text, texts } from './json-scan.ts';
import type {
  KubernetesRecord,
  NamespaceRecord,
  NodeRecord,
  PodRecord,
  ServicePort,
  ServiceRecord,
  SliceRecord,
  Texts,
} from './objects.ts';
import { OWNER_LABELS, type Owner, ownerOf } from './owner.ts';

export type ResourceName = 'pods' | 'nodes' | 'services' | 'endpointslices' | 'namespaces';

/** An object as it came: its identity and version, and the record of it. */
export interface Parsed<R extends KubernetesRecord> {
  readonly version: string;
  /** Undefined for an object without a name or uid, which no server sends. */
  readonly record: R | undefined;
  /** What a Status object has in its place: an error in a stream. */
  readonly failure: StatusFailure | undefined;
  /** Set on the bookmark that ends the first events of a stream. */
  readonly annotations: Texts;
}

export interface StatusFailure {
  readonly code: number;
  readonly message: string;
}

export interface Resource<R extends KubernetesRecord> {
  readonly name: ResourceName;
  /** API group; empty for the core group. */
  readonly group: string;
  readonly path: string;
  readonly object: Reader<Parsed<R>>;
}

/** Which labels or annotations to keep, by their key. */
export type KeyFilter = (key: string) => boolean;
export interface KeptKeys {
  readonly labels: KeyFilter;
  readonly annotations: KeyFilter;
}

const NO_TEXTS: Texts = Object.freeze({});
const SERVICE_LABEL = 'kubernetes.io/service-name';
const ENDED = new Set(['Succeeded', 'Failed']);
/** Says when the pod's network was made, so from when its addresses are its own (Kubernetes 1.29 and later). */
const NETWORK_READY = 'PodReadyToStartContainers';

const metadataOf = (keys: KeptKeys) => ({
  name: text,
  namespace: text,
  uid: text,
  resourceVersion: text,
  creationTimestamp: text,
  labels: texts(keys.labels),
  annotations: texts(keys.annotations),
});

/** `Status` objects share the key `status` with others, where it is no object. */
const statusFields = { code: number, message: text };

interface Metadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}
interface Raw {
  readonly metadata?: Metadata;
  readonly code?: number;
  readonly message?: string;
}
interface Identified {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly createdMs: number;
  readonly labels: Texts;
  readonly annotations: Texts;
}

function parsing<T extends Raw, R extends KubernetesRecord>(
  shape: Reader<T>,
  recordOf: (raw: T, identified: Identified) => R,
): Reader<Parsed<R>> {
  return (cursor) => {
    const raw = shape(cursor);
    if (raw === undefined) return undefined;
    const {
      name,
      uid,
      namespace = '',
      creationTimestamp,
      labels = NO_TEXTS,
      annotations = NO_TEXTS,
    } = raw.metadata ?? {};
    const identified =
      name === undefined || uid === undefined
        ? undefined
        : { name, uid, namespace, labels, annotations, createdMs: timeOf(creationTimestamp) ?? 0 };
    return {
      version: raw.metadata?.resourceVersion ?? '',
      record: identified === undefined ? undefined : recordOf(raw, identified),
      failure: raw.code === undefined ? undefined : { code: raw.code, message: raw.message ?? '' },
      annotations,
    };
  };
}

/** At this many the pool begins anew, so that what is gone does not stay for ever; what was shared stays shared. */
const MAX_SHARED = 65_536;

/** Gives the first value of each key for all that follow: namespaces, nodes and owners belong to many objects. */
function createPool<T>(): (key: string, value: T) => T {
  const pool = new Map<string, T>();
  return (key, value) => {
    const known = pool.get(key);
    if (known !== undefined) return known;
    if (pool.size === MAX_SHARED) pool.clear();
    pool.set(key, value);
    return value;
  };
}

/** Undefined for what is absent or no time. */
function timeOf(timestamp: string | undefined): number | undefined {
  if (timestamp === undefined) return undefined;
  const timeMs = Date.parse(timestamp);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

const ips = list(object({ ip: text }));
const ipTexts = (found: readonly { readonly ip?: string }[] = []) =>
  found.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));

export function podResource(keys: KeptKeys): Resource<PodRecord> {
  const ownerLabels = new Set(OWNER_LABELS);
  const shareText = createPool<string>();
  const share = (given: string) => shareText(given, given);
  const shareOwner = createPool<Owner>();
  const shape = object({
    metadata: object({
      ...metadataOf({ ...keys, labels: (key) => ownerLabels.has(key) || keys.labels(key) }),
      ownerReferences: list(object({ kind: text, name: text, controller: flag })),
    }),
    spec: object({ nodeName: text, hostNetwork: flag }),
    status: object({
      phase: text,
      hostIP: text,
      hostIPs: ips,
      podIP: text,
      podIPs: ips,
      startTime: text,
      conditions: list(object({ type: text, status: text, lastTransitionTime: text })),
      containerStatuses: list(object({ state: object({ terminated: object({ finishedAt: text }) }) })),
    }),
    ...statusFields,
  });
  type Pod = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'pods',
    group: '',
    path: '/api/v1/pods',
    object: parsing(shape, (raw: Pod, { uid, name, namespace, createdMs, labels, annotations }) => {
      const { status = {}, spec = {} } = raw;
      const readyMs = networkReadyMs(status.conditions);
      const startedMs = timeOf(status.startTime);
      const owner = ownerOf(name, raw.metadata?.ownerReferences ?? [], labels, createdMs);
      const hostNetwork = spec.hostNetwork === true;
      const hostIps = canonicalAddresses([
        ...(status.hostIP === undefined ? [] : [status.hostIP]),
        ...ipTexts(status.hostIPs),
      ]);
      const podIps = canonicalAddresses([
        ...(status.podIP === undefined ? [] : [status.podIP]),
        ...ipTexts(status.podIPs),
      ]);
      return {
        kind: 'Pod',
        uid,
        name,
        namespace: share(namespace),
        owner: owner.kind === 'Pod' ? owner : shareOwner(`${owner.kind}/${owner.name}`, owner),
        nodeName: share(spec.nodeName ?? ''),
        hostIp: hostIps[0] === undefined ? undefined : share(hostIps[0]),
        hostNetwork,
        addresses: hostNetwork ? [] : podIps.filter((ip) => !hostIps.includes(ip)),
        fromMs: readyMs ?? startedMs ?? createdMs,
        fromIsExact: readyMs !== undefined,
        endedMs: ENDED.has(status.phase ?? '') ? lastFinishedMs(status.containerStatuses) : undefined,
        startedMs,
        labels: keptOf(labels, keys.labels),
        annotations,
      };
    }),
  };
}

function networkReadyMs(
  conditions: readonly {
    readonly type?: string;
    readonly status?: string;
    readonly lastTransitionTime?: string;
  }[] = [],
): number | undefined {
  const ready = conditions.find(({ type }) => type === NETWORK_READY);
  return ready?.status === 'True' ? timeOf(ready.lastTransitionTime) : undefined;
}

/** 0 where no container says when: such a pod, evicted before it began, gave its address back long ago. */
function lastFinishedMs(
  statuses: readonly { readonly state?: { readonly terminated?: { readonly finishedAt?: string } } }[] = [],
): number {
  return Math.max(0, ...statuses.map(({ state }) => timeOf(state?.terminated?.finishedAt) ?? 0));
}

/** The owner's labels are read in any case, and kept only where they were asked for. */
function keptOf(labels: Texts, wanted: KeyFilter): Texts {
  const keys = Object.keys(labels);
  if (keys.every(wanted)) return keys.length === 0 ? NO_TEXTS : labels;
  const kept = keys.filter(wanted);
  return kept.length === 0 ? NO_TEXTS : Object.fromEntries(kept.map((key) => [key, labels[key]!]));
}

export function nodeResource(keys: KeptKeys): Resource<NodeRecord> {
  const shape = object({
    metadata: object(metadataOf({ ...keys, labels: () => true })),
    spec: object({ podCIDR: text, podCIDRs: list(text), providerID: text }),
    status: object({ addresses: list(object({ type: text, address: text })) }),
    ...statusFields,
  });
  type Node = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'nodes',
    group: '',
    path: '/api/v1/nodes',
    object: parsing(shape, (raw: Node, { createdMs, ...identified }) => {
      const { podCIDR, podCIDRs = [], providerID = '' } = raw.spec ?? {};
      const addresses = raw.status?.addresses ?? [];
      const all = canonicalAddresses(addresses.map(({ address = '' }) => address));
      const internal = addresses.find(({ type }) => type === 'InternalIP')?.address;
      return {
        kind: 'Node',
        ...identified,
        addresses: all,
        ip: (internal === undefined ? undefined : canonicalAddress(internal)) ?? all[0],
        podRanges: podCIDRs.length === 0 && podCIDR !== undefined ? [podCIDR] : podCIDRs,
        providerId: providerID,
        fromMs: createdMs,
      };
    }),
  };
}

const ports = list(object({ protocol: text, port: number, nodePort: number }));
const portsOf = (found: readonly Partial<ServicePort>[] = []): readonly ServicePort[] =>
  found.flatMap(({ protocol = 'TCP', port, nodePort = 0 }) =>
    port === undefined ? [] : [{ protocol, port, nodePort }],
  );

export const serviceResource: Resource<ServiceRecord> = (() => {
  const shape = object({
    metadata: object(metadataOf({ labels: () => false, annotations: () => false })),
    spec: object({ type: text, clusterIP: text, clusterIPs: list(text), externalIPs: list(text), ports }),
    status: object({ loadBalancer: object({ ingress: ips }) }),
    ...statusFields,
  });
  type Service = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'services',
    group: '',
    path: '/api/v1/services',
    object: parsing(shape, (raw: Service, { uid, name, namespace, createdMs }) => {
      const { type = 'ClusterIP', clusterIP = '', clusterIPs = [], externalIPs = [], ports: found } = raw.spec ?? {};
      const balanced = ipTexts(raw.status?.loadBalancer?.ingress);
      return {
        kind: 'Service',
        uid,
        name,
        namespace,
        type,
        headless: clusterIP === 'None',
        addresses: canonicalAddresses([clusterIP, ...clusterIPs, ...externalIPs, ...balanced]),
        ports: portsOf(found),
        fromMs: createdMs,
      };
    }),
  };
})();

export const sliceResource: Resource<SliceRecord> = (() => {
  const shape = object({
    metadata: object(metadataOf({ labels: (key) => key === SERVICE_LABEL, annotations: () => false })),
    endpoints: list(object({ addresses: list(text) })),
    ports,
    ...statusFields,
  });
  type Slice = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'endpointslices',
    group: 'discovery.k8s.io',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    object: parsing(shape, (raw: Slice, { uid, name, namespace, labels, createdMs }) => ({
      kind: 'EndpointSlice',
      uid,
      name,
      namespace,
      service: labels[SERVICE_LABEL] ?? '',
      // A slice of names (addressType FQDN) has none.
      addresses: canonicalAddresses((raw.endpoints ?? []).flatMap(({ addresses = [] }) => addresses)),
      ports: portsOf(raw.ports),
      fromMs: createdMs,
    })),
  };
})();

export function namespaceResource(keys: KeptKeys): Resource<NamespaceRecord> {
  const shape = object({ metadata: object(metadataOf(keys)), ...statusFields });
  return {
    name: 'namespaces',
    group: '',
    path: '/api/v1/namespaces',
    object: parsing(shape, (_raw: Raw, { createdMs, ...identified }) => ({
      kind: 'Namespace',
      ...identified,
      addresses: [],
      fromMs: createdMs,
    })),
  };
}
