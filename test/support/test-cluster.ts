/**
 * A cluster of a test: a network of nodes and pods, an API server and an OTLP server on its router, and agents on its
 * nodes which run as pods do. The API server is a real one, or the small one of the tests.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Agent, type AgentSurroundings, type Sink, startAgent, startSink } from '../e2e/agent.ts';
import { scrapeText } from '../e2e/ledger-figures.ts';
import { createCertificate } from './certificate.ts';
import { type ClusterNetwork, type ClusterNode, type ClusterPod, createClusterNetwork } from './cluster-network.ts';
import { type KubernetesApi, openKubernetesApi } from './kubernetes-api.ts';
import { type KubernetesObject, node, type PodOptions, pod, service, slice } from './kubernetes-objects.ts';
import { removeNetworkNamespaces } from './network-namespace.ts';
import { startRelay } from './relay.ts';

export const API_PORT = 6443;
const PATIENCE_MS = 60_000;

/** What tests of a whole cluster need of an API server. */
export interface ClusterApi {
  /** May read everything. */
  readonly token: string;
  ca(): string;
  /** The uid of kube-system, by which clusters that have no name are told apart. */
  uid(): Promise<string>;
  create(object: KubernetesObject): Promise<unknown>;
  setStatus(object: KubernetesObject, status: unknown): Promise<unknown>;
  /** At once. */
  delete(object: KubernetesObject): Promise<void>;
  stop(): Promise<void>;
}

/** Opens an API server that the nodes of the network reach at its control address. */
export type OpenApi<A extends ClusterApi = ClusterApi> = (network: ClusterNetwork) => Promise<A>;

export interface TestCluster<A extends ClusterApi = ClusterApi> extends ClusterNetwork {
  readonly api: A;
  readonly sink: Sink;
  create(object: KubernetesObject): Promise<void>;
  /** A pod in the network and in the API. */
  addPod(on: ClusterNode, options: Omit<PodOptions, 'node' | 'ips' | 'hostIps'>): Promise<NamedPod>;
  startAgent(on: ClusterNode, config: AgentConfig, surroundings?: AgentSurroundings): Promise<Agent>;
  /** Resolves when the agent on that node, in sync before, knows all that the API was told of these kinds until now. */
  isKnown(on: ClusterNode, ...kinds: readonly FollowedKind[]): Promise<void>;
  stop(): Promise<void>;
}

export type FollowedKind = 'Pod' | 'Service' | 'EndpointSlice';

export interface NamedPod extends ClusterPod {
  readonly object: KubernetesObject;
}

export interface AgentConfig {
  /** Keys of `ebpf_network`, and of `k8s_attributes`, as they stand between braces. */
  readonly receiver?: string;
  readonly attributes?: string;
  /** In place of the whole configuration. */
  readonly whole?: string;
}

export async function createTestCluster<A extends ClusterApi>(
  openApi: OpenApi<A>,
  { nodes: nodeCount = 2, routed = [] as readonly string[], zones = [] as readonly string[] } = {},
): Promise<TestCluster<A>> {
  const network = createClusterNetwork(nodeCount, routed);
  const [api, sink] = await Promise.all([openApi(network), startSink(network.router, { address: network.control })]);
  const account = openAccount(api.ca(), api.token);
  const knowledge = createKnowledge();
  async function create(object: KubernetesObject): Promise<void> {
    await api.create(object);
    knowledge.created(object);
  }
  for (const [number, { name, ips, podCidrs }] of network.nodes.entries()) {
    const labels = { 'topology.kubernetes.io/zone': zones[number] ?? zoneOf(name) };
    await create(node({ name, ips, podCidrs, labels }));
  }
  return {
    ...network,
    api,
    sink,
    create,
    async addPod(on, options) {
      const made = on.addPod();
      const object = podOn(on, made, options);
      await create(object);
      return { ...made, object };
    },
    async startAgent(on, config, surroundings = {}) {
      const agent = await startAgent(on.namespace, config.whole ?? agentConfig(network.control, config), {
        serviceAccountFolder: account.folder,
        ...surroundings,
        environment: { ...environmentOf(network, on), ...surroundings.environment },
      });
      await knowledge.inSync(on);
      return agent;
    },
    async isKnown(on, ...kinds) {
      for (const kind of kinds) {
        await create(MARKERS[kind](`marker-${knowledge.markers()}`));
        await knowledge.complete(on, kind);
      }
    },
    async stop() {
      sink.stop();
      await api.stop();
      account.remove();
      removeNetworkNamespaces();
    },
  };
}

const MARKERS: Readonly<Record<FollowedKind, (name: string) => KubernetesObject>> = {
  Pod: (name) => pod({ name }),
  Service: (name) => service({ name, clusterIps: ['None'] }),
  EndpointSlice: (name) => slice({ name, service: 'none', addresses: ['192.0.2.1'] }),
};

/**
 * How many objects of each kind the API has and how many an agent has heard of: changes of one kind come in order, so
 * whoever knows the newest object knows every change before it.
 */
function createKnowledge() {
  const created = new Map<string, number>();
  /** What each agent knew beyond them when it was in sync. */
  const offsets = new Map<string, number>();
  const makes = (kind: string) => created.get(kind) ?? 0;
  let markers = 0;
  async function heardOf(on: ClusterNode, kind: FollowedKind): Promise<number> {
    const figure = new RegExp(`^otelcol_otelsvc_k8s_${kind.toLowerCase()}_added\\w*(?:\\{.*\\})? (\\d+)$`, 'm');
    return Number(figure.exec(await scrapeText(on.namespace))?.[1] ?? 0);
  }
  return {
    created: ({ kind }: KubernetesObject) => void created.set(kind, makes(kind) + 1),
    markers: () => ++markers,
    async inSync(on: ClusterNode): Promise<void> {
      for (const kind of Object.keys(MARKERS) as FollowedKind[]) {
        // An agent that may read nothing yet has heard of none.
        offsets.set(`${on.name} ${kind}`, Math.max(0, (await heardOf(on, kind)) - makes(kind)));
      }
    },
    async complete(on: ClusterNode, kind: FollowedKind): Promise<void> {
      const all = makes(kind) + (offsets.get(`${on.name} ${kind}`) ?? 0);
      const deadlineMs = performance.now() + PATIENCE_MS;
      while ((await heardOf(on, kind)) < all) {
        if (performance.now() > deadlineMs) throw new Error(`${on.name} has not heard of every ${kind}`);
      }
    },
  };
}

/** Each node is in a zone of its own. */
export const zoneOf = (node: string) => `zone-of-${node}`;

export const podOn = (on: ClusterNode, { ips }: ClusterPod, options: Omit<PodOptions, 'node' | 'ips' | 'hostIps'>) =>
  pod({ ...options, node: on.name, ips, hostIps: on.ips });

function environmentOf({ control }: ClusterNetwork, { name }: ClusterNode): Readonly<Record<string, string>> {
  return { KUBERNETES_SERVICE_HOST: control, KUBERNETES_SERVICE_PORT: String(API_PORT), NODE_NAME: name };
}

/** What a pod finds where its service account is mounted. */
export interface Account {
  readonly folder: string;
  renew(token: string): void;
  remove(): void;
}

export function openAccount(ca: string, token: string): Account {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-account-'));
  const renew = (next: string) => writeFileSync(path.join(folder, 'token'), next);
  writeFileSync(path.join(folder, 'ca.crt'), ca);
  renew(token);
  return { folder, renew, remove: () => rmSync(folder, { recursive: true }) };
}

function agentConfig(control: string, { receiver = '', attributes = '' }: AgentConfig): string {
  return `
receivers: {ebpf_network: {cache_active_timeout: 200ms, protocols: [TCP, UDP], ${receiver}}}
processors:
  k8s_attributes: {${attributes}}
  zone: {}
  attribute_select:
    select:
      beyla_network_flow_bytes:
        include: [src.address, src.port, src.zone, dst.address, dst.port, dst.zone, transport, direction, k8s.*]
exporters: {otlp_grpc: {endpoint: ${control}:4317, tls: {insecure: true}}}
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [k8s_attributes, zone, attribute_select], exporters: [otlp_grpc]}
`;
}

export interface SmallApi extends ClusterApi {
  readonly server: KubernetesApi;
}

/** The small server, behind TLS, which lets one token in. */
export async function openSmallApi({ router, control }: ClusterNetwork): Promise<SmallApi> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-api-'));
  const socket = path.join(folder, 'api.sock');
  const certificate = createCertificate(`IP:${control}`);
  const server = await openKubernetesApi(certificate, socket);
  await startRelay(router, `${control}:${API_PORT}`, socket);
  const token = 'token-of-the-tests';
  server.tokens = new Set([token]);
  const { uid } = server.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } }).metadata;
  return {
    server,
    token,
    ca: () => certificate.cert,
    uid: async () => uid!,
    // A CronJob's pods are told from the time of their Job.
    create: async ({ metadata, ...object }) => {
      const creationTimestamp = new Date().toISOString();
      return server.put({ ...object, metadata: { creationTimestamp, ...metadata } } as KubernetesObject);
    },
    setStatus: async (object, status) => server.put({ ...object, status }),
    delete: async (object) => server.delete(object),
    async stop() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
