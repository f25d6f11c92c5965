/**
 * What is known of the cluster: follows the resources that its readers need and answers whose an address was at a time.
 * Look-ups are for endpoints, not for rows: a reader asks once, and again when its change feed names the address.
 */

import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { createAddressIndex } from './address-index.ts';
import { addressKey } from './addresses.ts';
import type { ApiClient } from './api-client.ts';
import { createPageTurns } from './body.ts';
import { type ChangeFeed, createChangeFeeds } from './changes.ts';
import { readClusterUid } from './cluster-uid.ts';
import { createCounters } from './counters.ts';
import { type FollowOptions, follow } from './follow.ts';
import { createHealth, type Health } from './health.ts';
import { type Identity, identityOfNode, identityOfPod, identityOfService, type ServiceName } from './identity.ts';
import type {
  KubernetesRecord,
  NamespaceRecord,
  NodeRecord,
  PodRecord,
  ServiceRecord,
  SliceRecord,
} from './objects.ts';
import { createPodIndexes, type PodIndex } from './pod-index.ts';
import { createRecordTable, type Holder, type RecordTable } from './record-table.ts';
import type { Resource } from './resource.ts';
import { followedResources, type Scope } from './scope.ts';
import { createServicePorts } from './service-ports.ts';

/** How often what is gone is looked for. */
const SWEEP_MS = 30_000;

/** Of two objects with one address the lower names it: a LoadBalancer may have a node's address, a slice a pod's. */
const RANKS = { Pod: 0, Node: 1, Service: 2, EndpointSlice: 3, Namespace: 4 } as const;

export interface KubernetesReader {
  /**
   * Whose the address was at that time: pods before nodes before Services; an address that only an EndpointSlice names
   * is its Service's. `address` is 16 bytes (IPv4 mapped) or a text; undefined where nothing is known.
   */
  identityAt(address: string | Uint8Array, timeMs: number): Identity | undefined;
  /**
   * The Service that was dialled: by a cluster, external or load balancer's address, by a node's address and a node port,
   * or by a pod's address where a headless Service has it. Where several fit, one that has the port, then the first by
   * namespace and name.
   */
  serviceAt(address: string | Uint8Array, port: number, protocol: string, timeMs: number): ServiceName | undefined;
  /** Another number whenever `serviceAt` may answer differently than before. */
  readonly servicesVersion: number;
  /** Also within two minutes after it was deleted. */
  podByUid(uid: string): PodRecord | undefined;
  podByName(namespace: string, name: string): PodRecord | undefined;
  node(name: string): NodeRecord | undefined;
  namespace(name: string): NamespaceRecord | undefined;
  /** Pods by keys of the reader's own, kept up until it is closed. */
  openPodIndex(keysOf: (pod: PodRecord) => readonly string[]): PodIndex;
  /** Those that exist, the host network's among them. */
  pods(): Iterable<PodRecord>;
  nodes(): Iterable<NodeRecord>;
  /** Names of the nodes that run a pod of this owner: where the agents of a DaemonSet are. */
  nodesOf(namespace: string, owner: { readonly kind: string; readonly name: string }): ReadonlySet<string>;
  /** The address ranges of pods, as the nodes name them; empty where they do not. */
  podRanges(): readonly string[];
  /** The uid of kube-system, asked for anew at each call; needs `get` on namespaces. Throws a RequestFailure. */
  clusterUid(signal: AbortSignal): Promise<string>;
  /** Which addresses stand for something else since the last time it was asked. */
  openChanges(): ChangeFeed;
  readonly health: Pick<Health, 'waitForSync' | 'forbidden' | 'failing'>;
}

export interface KubernetesStore extends KubernetesReader {
  /** Follows until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface StoreOptions {
  readonly client: ApiClient;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export function createKubernetesStore({ client, scope, clock, logger, metrics }: StoreOptions): KubernetesStore {
  const nowMs = () => Number(clock.nowNs() / 1_000_000n);
  const index = createAddressIndex<Holder>();
  const resources = followedResources(scope);
  const health = createHealth(
    Object.values(resources).filter((resource) => resource !== undefined),
    { logger, clock, metrics },
  );
  const changes = createChangeFeeds(function* (changed) {
    for (const pod of pods.records()) {
      if (changed.nodes.has(pod.nodeName) || changed.namespaces.has(pod.namespace)) yield* pod.addresses;
    }
    if (changed.namespaces.size === 0) return;
    for (const each of services.records()) if (changed.namespaces.has(each.namespace)) yield* each.addresses;
  });
  const servicePorts = createServicePorts(nowMs);
  const nodesByName = new Map<string, NodeRecord>();
  const namespacesByName = new Map<string, NamespaceRecord>();
  const counted = createCounters(metrics);
  let servicesVersion = 0;

  /** A table whose changes are counted, told to readers, and handed on. */
  function table<R extends KubernetesRecord>(
    kind: R['kind'],
    changed: (before: R | undefined, after: R | undefined) => void,
    endedMs: (record: R) => number | undefined = () => undefined,
  ): RecordTable<R> {
    return createRecordTable<R>({
      index,
      nowMs,
      rank: RANKS[kind],
      endedMs,
      changed(change, before, after, addresses) {
        counted.event(kind, change);
        for (const address of addresses) changes.address(address);
        if (kind !== 'Pod' && kind !== 'Namespace') servicesVersion++;
        changed(before, after);
      },
    });
  }

  const pods = table<PodRecord>(
    'Pod',
    (before, after) => podIndexes.changed(before, after),
    ({ endedMs }) => endedMs,
  );
  const podIndexes = createPodIndexes(pods);
  const nodes = table<NodeRecord>('Node', (before, after) => {
    replaceByName(nodesByName, before, after);
    changes.node((after ?? before)!.name);
  });
  const services = table<ServiceRecord>('Service', servicePorts.replace);
  const slices = table<SliceRecord>('EndpointSlice', () => {});
  const namespaces = table<NamespaceRecord>('Namespace', (before, after) => {
    replaceByName(namespacesByName, before, after);
    changes.namespace((after ?? before)!.name);
  });
  counted.sizes(() => ({ pods: pods.size, nodes: nodes.size, services: services.size, addresses: index.size }));

  function identityOf(record: KubernetesRecord): Identity | undefined {
    switch (record.kind) {
      case 'Pod':
        return identityOfPod(record, nodesByName.get(record.nodeName));
      case 'Node':
        return identityOfNode(record);
      case 'Service':
        return identityOfService(record, record.uid);
      case 'EndpointSlice':
        return record.service === ''
          ? undefined
          : identityOfService({ name: record.service, namespace: record.namespace }, '');
      case 'Namespace':
        return undefined;
    }
  }

  async function sweep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(SWEEP_MS, signal);
      for (const address of index.expire(nowMs())) changes.address(address);
      servicesVersion++;
      servicePorts.expire(nowMs());
      for (const each of [pods, nodes, services, slices, namespaces]) each.expire(nowMs());
      podIndexes.expire();
    }
  }

  return {
    health,
    identityAt(address, timeMs) {
      const key = addressKey(address);
      if (key === undefined) return undefined;
      for (const { holder } of index.at(key, timeMs)) {
        const identity = identityOf(holder.record);
        if (identity !== undefined) return identity;
      }
      return undefined;
    },
    serviceAt(address, port, protocol, timeMs) {
      const key = addressKey(address);
      if (key === undefined) return undefined;
      const records = index.at(key, timeMs).map(({ holder }) => holder.record);
      return servicePorts.dialled(records, port, protocol, timeMs);
    },
    get servicesVersion() {
      return servicesVersion;
    },
    podByUid: (uid) => pods.get(uid),
    podByName(namespace, name) {
      for (const pod of pods.records()) if (pod.name === name && pod.namespace === namespace) return pod;
      return undefined;
    },
    openPodIndex: podIndexes.open,
    node: (name) => nodesByName.get(name),
    namespace: (name) => namespacesByName.get(name),
    pods: () => pods.records(),
    nodes: () => nodes.records(),
    nodesOf(namespace, owner) {
      const names = new Set<string>();
      for (const pod of pods.records()) {
        if (pod.owner.name !== owner.name || pod.owner.kind !== owner.kind || pod.namespace !== namespace) continue;
        if (pod.nodeName !== '' && pod.endedMs === undefined) names.add(pod.nodeName);
      }
      return names;
    },
    podRanges: () => [...nodes.records()].flatMap(({ podRanges }) => podRanges),
    clusterUid: (signal) => readClusterUid(client, signal),
    openChanges: () => changes.open(),
    async run(signal) {
      const page = createPageTurns();
      const common = { client, clock, page, report: health };
      const followers: Promise<void>[] = [sweep(signal)];
      const start = <R extends KubernetesRecord>(
        followed: (Resource<R> & { readonly selectors: string }) | undefined,
        into: FollowOptions<R>['table'],
      ) => {
        if (followed === undefined) return;
        followers.push(follow({ ...common, resource: followed, selectors: followed.selectors, table: into }, signal));
      };
      start(resources.nodes, nodes);
      start(resources.services, services);
      start(resources.endpointslices, slices);
      start(resources.namespaces, namespaces);
      start(resources.pods, pods);
      await Promise.all(followers);
    },
  };
}

/** The end of an object may be heard of after another took its name: a list says what is gone when it is over. */
function replaceByName<R extends KubernetesRecord>(
  map: Map<string, R>,
  before: R | undefined,
  after: R | undefined,
): void {
  if (after !== undefined) map.set(after.name, after);
  else if (before !== undefined && map.get(before.name)?.uid === before.uid) map.delete(before.name);
}
