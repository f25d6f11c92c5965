/** Where this agent is: its node, its cluster's name, and the nodes that have an agent as well. */

import { canonicalAddress } from '../../core/kubernetes/addresses.ts';
import { findClusterName } from '../../core/kubernetes/cluster-name.ts';
import { findOwnPod, type OwnPod, ownPodIn } from '../../core/kubernetes/own-pod.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { MetadataServers } from '../../core/zones/metadata.ts';
import type { Where } from './cluster.ts';
import type { FlowConfig } from './config.ts';
import type { Environment } from './wish.ts';

/** What the host says; tests give their own. */
export interface Surroundings {
  readonly environment: Environment;
  readonly servers: MetadataServers;
  /** Every address of this machine. */
  addresses(): readonly string[];
}

export interface PresenceOptions extends Surroundings {
  readonly config: Pick<FlowConfig, 'cluster_name' | 'observer' | 'observer_nodes' | 'meta_restrict_local_node'>;
  readonly store: KubernetesReader;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Presence {
  readonly where: Where;
  /** Nodes with an agent, this one among them; undefined: which node reports cannot be told, so every one does. */
  readonly agents: ReadonlySet<string> | undefined;
  /** Looks again; true when the agents or the own node are others than before. */
  refresh(): boolean;
  /** Finds the cluster's name, soon or later. Resolves after the first try. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const RETRY_MS = 60_000;

export function createPresence(options: PresenceOptions): Presence {
  const { config, store, clock, logger, environment, servers, addresses } = options;
  const stopping = new AbortController();
  let cluster = config.cluster_name === '' ? undefined : config.cluster_name;
  let node: string | undefined;
  let agents: ReadonlySet<string> | undefined;
  let ownPod: OwnPod = { uid: '', name: '', namespace: '' };
  let searching: Promise<void> | undefined;
  let said = '';

  function findOwnNode(): string | undefined {
    if (environment.NODE_NAME) return environment.NODE_NAME;
    const own = new Set(addresses().flatMap((address) => canonicalAddress(address) ?? []));
    for (const { name, addresses: ofNode } of store.nodes()) if (ofNode.some((one) => own.has(one))) return name;
    return undefined;
  }

  function findAgents(): ReadonlySet<string> | undefined {
    if (config.observer === 'both' || config.meta_restrict_local_node || node === undefined) return undefined;
    if (config.observer_nodes.length > 0) return new Set([...config.observer_nodes, node]);
    const pod = ownPodIn(store, ownPod);
    if (pod?.owner.kind !== 'DaemonSet') return undefined;
    return new Set([...store.nodesOf(pod.namespace, pod.owner), node]);
  }

  /** Once for each way it can be. */
  function sayWhoReports(): void {
    if (config.observer === 'both') return;
    const message =
      agents === undefined ? `every node reports flows between nodes` : `flows between nodes are reported once`;
    if (said === message) return;
    said = message;
    if (agents !== undefined) {
      logger.info(message, { observer: config.observer, node, nodes: agents.size });
      return;
    }
    const [reason, fix] = config.meta_restrict_local_node
      ? ['the pods of other nodes are not followed', 'set observer: both']
      : node === undefined
        ? ['this node is not known', 'set NODE_NAME in the pod of the agent']
        : ['no DaemonSet of this agent is known', 'set observer_nodes, or POD_NAME and POD_NAMESPACE in its pod'];
    logger.warn(message, { observer: config.observer, reason, fix });
  }

  async function findCluster(): Promise<void> {
    const found = await findClusterName({
      store,
      servers,
      node: node === undefined ? undefined : store.node(node),
      signal: stopping.signal,
    });
    if ('name' in found) {
      cluster = found.name;
      logger.info('the name of the cluster is known', { ...found });
    } else if (!stopping.signal.aborted) {
      logger.debug('the name of the cluster is not known', { reasons: found });
    }
  }

  async function searchOn(): Promise<void> {
    if (cluster === undefined) {
      logger.warn('the name of the cluster is not known: k8s.cluster.name is absent until it is', {
        fix: 'set flow::cluster_name, or allow the account to get namespaces',
      });
    }
    while (cluster === undefined && !stopping.signal.aborted) {
      await clock.sleep(RETRY_MS, stopping.signal);
      if (!stopping.signal.aborted) await findCluster();
    }
  }

  const presence: Presence = {
    get where() {
      return { cluster, node };
    },
    get agents() {
      return agents;
    },
    refresh() {
      const before = { node, agents };
      node ??= findOwnNode();
      agents = findAgents();
      sayWhoReports();
      return node !== before.node || !isSame(agents, before.agents);
    },
    async start() {
      ownPod = await findOwnPod(environment);
      presence.refresh();
      if (cluster === undefined) await findCluster();
      searching = searchOn();
    },
    async stop() {
      stopping.abort();
      await searching;
    },
  };
  return presence;
}

function isSame(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every((name) => b.has(name));
}
