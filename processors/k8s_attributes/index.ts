/**
 * Names both ends of flows from Kubernetes: pod, owner, node, and the Service that was dialled. Other data is told the pod
 * that it comes from.
 */

import { defineProcessor, type Explanation, type Host, type Processor } from '../../core/component/define.ts';
import { createClusterRanges } from '../../core/kubernetes/cluster-ranges.ts';
import { type SharedStores, sharedStores } from '../../core/kubernetes/shared-stores.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import { createDialled, dialledAttributes } from '../../core/table/dialled.ts';
import { endpointOfAttribute } from '../../core/table/endpoint-columns.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { metadataServers } from '../../core/zones/metadata.ts';
import { addressesOfThisHost } from '../../core/zones/own-node.ts';
import { createOwnPlace } from './cluster.ts';
import { elsewhere, type K8sAttributesConfig, problemsOf, schema } from './config.ts';
import { createExtractions, extractedAttributes } from './extraction.ts';
import { createHolding } from './holding.ts';
import { createNaming, namedAttributes, timeOf } from './naming.ts';
import { createAddressing, createOneIdentity, type OneIdentity } from './one-identity.ts';
import { createPresence, type Surroundings } from './presence.ts';
import { createSorting } from './sorting.ts';
import { wishOf } from './wish.ts';

/** How often it is looked which nodes have an agent, and which ranges their pods are in. */
const REFRESH_MS = 10_000;

export default defineProcessor<K8sAttributesConfig>({
  type: 'k8s_attributes',
  aliases: { k8sattributes: '"k8sattributes" alias is deprecated; use "k8s_attributes" instead' },
  stability: 'alpha',
  description: 'Names both ends of flows from Kubernetes, and the pod that other data comes from.',
  needs: ['src.address', 'dst.address'],
  adds: [...namedAttributes, ...dialledAttributes, 'k8s.cluster.name'],
  attributes: extractedAttributes,
  consumes: 'flows',
  produces: 'same',
  config: schema,
  elsewhere,
  validate: problemsOf,
  create: (config, host) =>
    createK8sAttributes(config, host, {
      stores: sharedStores,
      environment: process.env,
      servers: metadataServers,
      addresses: addressesOfThisHost,
    }),
});

export function createK8sAttributes(
  config: K8sAttributesConfig,
  host: Host,
  { stores, ...surroundings }: Surroundings & { readonly stores: SharedStores },
): Processor {
  const addressing = createAddressing(config);
  // It ends what comes of it before there is a store: nothing is named, and nothing is asked for.
  if (config.passthrough) return { flows: (table) => [table], resourceMetrics: addressing };
  const { logger } = host;
  const lease = stores.request(wishOf(config, surroundings.environment), host);
  let running: Running | undefined;
  let oneIdentity: OneIdentity | undefined;
  return {
    flows: (table) => running?.flows(table) ?? [table],
    resourceMetrics: (table) => (oneIdentity?.process ?? addressing)(table),
    explain: {
      source: (...of) => running?.explain.source?.(...of),
      reason: (...of) => running?.explain.reason?.(...of),
    },
    async start() {
      const store = await lease.start();
      if (store === undefined) {
        logger.info('No Kubernetes cluster is found: nothing gets names from it.', {
          looked: 'for a service account and KUBECONFIG',
        });
        return;
      }
      await waitForNames(store, config, host);
      oneIdentity = createOneIdentity(config, store, host);
      if (config.flow.enabled) running = await startNaming(store, config, host, surroundings);
    },
    async stop() {
      await oneIdentity?.stop();
      await running?.stop();
      await lease.stop();
    },
  };
}

interface Running {
  readonly flows: NonNullable<Processor['flows']>;
  readonly explain: Explanation;
  stop(): Promise<void>;
}

async function waitForNames(
  { health }: KubernetesReader,
  { wait_for_metadata, wait_for_metadata_timeout }: K8sAttributesConfig,
  { logger }: Host,
): Promise<void> {
  if (!wait_for_metadata) return;
  if ((await health.waitForSync(wait_for_metadata_timeout)) !== 'timeout') return;
  logger.warn('The Kubernetes API was not read within wait_for_metadata_timeout: nothing gets names until it is.', {
    seconds: wait_for_metadata_timeout / 1000,
  });
}

async function startNaming(
  store: KubernetesReader,
  config: K8sAttributesConfig,
  host: Host,
  surroundings: Surroundings,
): Promise<Running> {
  const { flow } = config;
  const nowMs = () => Number(host.clock.nowNs() / 1_000_000n);
  const presence = createPresence({ config: flow, store, ...host, ...surroundings });
  await presence.start();
  const ranges = createClusterRanges(store, !flow.meta_restrict_local_node);
  ranges.refresh();
  const sorting = createSorting(flow, presence);
  // Of what other agents counted, this one's node says nothing: neither where it was nor who reports it.
  const sortingReceived = createSorting({ ...flow, observer: 'both' }, presence);
  const sortingOf = ({ received }: FlowTable) => (received ? sortingReceived : sorting);
  const placed = createOwnPlace();
  const placedReceived = createOwnPlace();
  const dialled = createDialledServices(store);
  const naming = createNaming({
    store,
    more: createExtractions(config, store, host.logger),
    looked(dimension, endpoint, identity) {
      if (identity !== undefined) holding.known(dimension, endpoint);
      // Where pods may not be read, waiting is in vain.
      const mayCome = !store.health.forbidden.has('pods') && ranges.holds(dimension, endpoint);
      const awaited = mayCome && holding.maybeAwaited(dimension, endpoint);
      for (const one of [sorting, sortingReceived]) one.note(dimension, endpoint, identity, awaited);
    },
  });
  const complete = (named: FlowTable) => {
    const { cluster, node } = presence.where;
    return dialled.add(
      named.received ? placedReceived(named, { cluster, node: undefined }) : placed(named, { cluster, node }),
    );
  };
  const holding = createHolding(
    {
      lateMs: flow.late_enrichment,
      isUnknown: (dimension, endpoint) => naming.identityAt(dimension, endpoint, nowMs()) === undefined,
      isAwaited: sorting.isAwaited,
      giveUp(dimension, endpoint) {
        for (const one of [sorting, sortingReceived]) one.giveUp(dimension, endpoint);
      },
      goOn(table) {
        const named = naming.nameApart(table, nowMs());
        const sorted = sortingOf(table).sort(complete(named), false);
        return { made: sorted.made, unknown: sortingOf(table).unknownIn(table) };
      },
    },
    host,
  );

  let refreshedMs = host.clock.monotonicMs();
  const refreshWhenDue = () => {
    if (host.clock.monotonicMs() - refreshedMs < REFRESH_MS) return;
    refreshedMs = host.clock.monotonicMs();
    if (presence.refresh()) sorting.presenceChanged();
    ranges.refresh();
  };

  return {
    flows(table) {
      refreshWhenDue();
      holding.expire();
      const named = complete(naming.name(table, timeOf(table)));
      const sorted = sortingOf(table).sort(named, true);
      if (sorted.held === undefined) return sorted.made;
      if (!holding.hasRoomFor(sorted.held.length)) return sortingOf(table).sort(named, false).made;
      return [...sorted.made, holding.hold(table, sorted.held)];
    },
    explain: {
      source(table, row, attribute) {
        if ((dialledAttributes as readonly string[]).includes(attribute)) return 'the Service that was dialled';
        const endpoint = endpointOfAttribute(table, row, attribute);
        const { endpoints } = table.ends;
        const identity = endpoint === undefined ? undefined : naming.identityAt(endpoints, endpoint, timeOf(table));
        if (identity === undefined) return undefined;
        const { kind, namespace, name } = identity;
        return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}, which had ${endpoints.addresses.at(endpoint!)}`;
      },
      reason: (table, row) => (table.kind === 'flows' ? sorting.reasonOf(table, row) : undefined),
    },
    async stop() {
      holding.stop();
      naming.close();
      await presence.stop();
    },
  };
}

/** Services by the time of the table they are asked for. */
function createDialledServices(store: KubernetesReader): { add(table: FlowTable): FlowTable } {
  let version = store.servicesVersion;
  let timeMs = 0;
  const dialled = createDialled({
    serviceAt: (endpoints, endpoint, port, protocol) =>
      store.serviceAt(String(endpoints.addresses.at(endpoint)), port, protocol, timeMs),
  });
  return {
    add(table) {
      timeMs = timeOf(table);
      if (store.servicesVersion !== version) dialled.forget();
      version = store.servicesVersion;
      return dialled.add(table);
    },
  };
}
