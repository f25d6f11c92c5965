/** Kubernetes objects as the API has them, for tests and benchmarks: valid for a real server, with fields nobody reads. */

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

export interface OwnerOfPod {
  readonly kind: string;
  readonly name: string;
}

export interface PodOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly ips?: readonly string[];
  readonly hostIps?: readonly string[];
  readonly hostNetwork?: boolean;
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly owner?: OwnerOfPod;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** When its network was made; ISO 8601. */
  readonly readyAt?: string;
  /** When its container ended. */
  readonly finishedAt?: string;
}

const ips = (addresses: readonly string[]) => addresses.map((ip) => ({ ip }));

export function podStatus({
  ips: podIps = [],
  hostIps = [],
  phase = 'Running',
  readyAt,
  finishedAt,
}: Omit<PodOptions, 'name'>) {
  const state = { terminated: { exitCode: 0, finishedAt, startedAt: readyAt ?? null } };
  return {
    phase,
    ...(podIps.length === 0 ? {} : { podIP: podIps[0], podIPs: ips(podIps) }),
    ...(hostIps.length === 0 ? {} : { hostIP: hostIps[0], hostIPs: ips(hostIps) }),
    ...(readyAt === undefined
      ? {}
      : {
          startTime: readyAt,
          conditions: [{ type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: readyAt }],
        }),
    ...(finishedAt === undefined
      ? {}
      : { containerStatuses: [{ name: 'main', ready: false, restartCount: 0, image: 'i', imageID: 'i', state }] }),
  };
}

export function pod(options: PodOptions): KubernetesObject {
  const { name, namespace = 'default', node, owner, labels = {}, annotations = {}, hostNetwork = false } = options;
  const reference = owner && {
    apiVersion: owner.kind === 'Job' ? 'batch/v1' : 'apps/v1',
    kind: owner.kind,
    name: owner.name,
    uid: `uid-of-${owner.name}`,
    controller: true,
    blockOwnerDeletion: true,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations, ...(reference ? { ownerReferences: [reference] } : {}) },
    spec: {
      containers: [{ name: 'main', image: 'registry.test/main:1', env: [{ name: 'QUOTED', value: '"}]' }] }],
      ...(node === undefined ? {} : { nodeName: node }),
      ...(hostNetwork ? { hostNetwork } : {}),
    },
    status: podStatus(options),
  };
}

export interface NodeOptions {
  readonly name: string;
  readonly ips: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly podCidrs?: readonly string[];
}

export const node = ({ name, ips: addresses, labels = {}, podCidrs = [] }: NodeOptions): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  spec: {
    ...(podCidrs.length === 0 ? {} : { podCIDR: podCidrs[0], podCIDRs: podCidrs }),
    providerID: `test:///${name}`,
  },
  status: {
    addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
  },
});

export interface ServiceOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  /** `None` for a headless one; absent: the server chooses. */
  readonly clusterIps?: readonly string[];
  readonly externalIps?: readonly string[];
  readonly ingress?: readonly string[];
  readonly ports?: readonly { readonly port: number; readonly nodePort?: number; readonly protocol?: string }[];
}

export function service(options: ServiceOptions): KubernetesObject {
  const {
    name,
    namespace = 'default',
    type = 'ClusterIP',
    clusterIps,
    externalIps,
    ingress,
    ports = [{ port: 80 }],
  } = options;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      type,
      ports: ports.map((each, i) => ({ name: `port-${i}`, protocol: 'TCP', targetPort: each.port, ...each })),
      ...(clusterIps === undefined ? {} : { clusterIP: clusterIps[0], clusterIPs: clusterIps }),
      ...(externalIps === undefined ? {} : { externalIPs: externalIps }),
    },
    ...(ingress === undefined ? {} : { status: { loadBalancer: { ingress: ips(ingress) } } }),
  };
}

export interface SliceOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly service: string;
  readonly addresses: readonly string[];
  readonly port?: number;
  readonly protocol?: string;
}

export const slice = ({
  name,
  namespace = 'default',
  service: of,
  addresses,
  port = 80,
  protocol = 'TCP',
}: SliceOptions): KubernetesObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace, labels: { 'kubernetes.io/service-name': of } },
  addressType: addresses[0]?.includes(':') ? 'IPv6' : 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  ports: [{ name: 'port-0', protocol, port }],
});
