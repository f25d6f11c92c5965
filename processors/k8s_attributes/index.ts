/** Names both ends of flows from Kubernetes: pod, owner, node, and the Service that was dialled. */

import { defineProcessor, type Host, type Processor } from '../../core/component/define.ts';
import { type SharedStores, sharedStores } from '../../core/kubernetes/shared-stores.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import { createDialled, dialledAttributes } from '../../core/table/dialled.ts';
import { metadataServers } from '../../core/zones/metadata.ts';
import { addressesOfThisHost } from '../../core/zones/own-node.ts';
import { createOwnPlace } from './cluster.ts';
import { elsewhere, type K8sAttributesConfig, problemsOf, schema } from './config.ts';
import { createNaming, namedAttributes, timeOf } from './naming.ts';
import { createPresence, type Surroundings } from './presence.ts';
import { createSorting } from './sorting.ts';
import { wishOf } from './wish.ts';

export default defineProcessor<K8sAttributesConfig>({
  type: 'k8s_attributes',
  aliases: { k8sattributes: "the older name of this processor: write 'k8s_attributes'" },
  stability: 'alpha',
  description: 'Names both ends of flows from Kubernetes.',
  needs: ['src.address', 'dst.address'],
  adds: [...namedAttributes, ...dialledAttributes, 'k8s.cluster.name'],
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
  // Both end what comes of it before there is a store: nothing is named, and nothing is asked for.
  if (config.passthrough || !config.flow.enabled) return { flows: (table) => [table] };
  const { logger } = host;
  const lease = stores.request(wishOf(config, surroundings.environment), host);
  let running: Running | undefined;
  return {
    flows: (table) => running?.flows(table) ?? [table],
    async start() {
      const store = await lease.start();
      if (store === undefined) {
        logger.info('No Kubernetes cluster is found: flows get no names from it.', {
          looked: 'for a service account and KUBECONFIG',
        });
        return;
      }
      await waitForNames(store, config, host);
      running = await startNaming(store, config, host, surroundings);
    },
    async stop() {
      await running?.stop();
      await lease.stop();
    },
  };
}

interface Running {
  readonly flows: NonNullable<Processor['flows']>;
  stop(): Promise<void>;
}

async function waitForNames(
  { health }: KubernetesReader,
  { wait_for_metadata, wait_for_metadata_timeout }: K8sAttributesConfig,
  { logger }: Host,
): Promise<void> {
  if (!wait_for_metadata) return;
  if ((await health.waitForSync(wait_for_metadata_timeout)) !== 'timeout') return;
  logger.warn('The Kubernetes API was not read within wait_for_metadata_timeout: flows go without names until it is.', {
    wait_for_metadata_timeout: `${wait_for_metadata_timeout}ms`,
  });
}

async function startNaming(
  store: KubernetesReader,
  config: K8sAttributesConfig,
  host: Host,
  surroundings: Surroundings,
): Promise<Running> {
  const presence = createPresence({ config: config.flow, store, ...host, ...surroundings });
  await presence.start();
  const sorting = createSorting(config.flow);
  const naming = createNaming({ store, looked: sorting.looked });
  const placed = createOwnPlace();
  let timeMs = 0;
  let servicesVersion = store.servicesVersion;
  const dialled = createDialled({
    serviceAt: (endpoints, endpoint, port, protocol) =>
      store.serviceAt(String(endpoints.addresses.at(endpoint)), port, protocol, timeMs),
  });
  return {
    flows(table) {
      presence.refresh();
      timeMs = timeOf(table);
      if (store.servicesVersion !== servicesVersion) dialled.forget();
      servicesVersion = store.servicesVersion;
      const named = dialled.add(placed(naming.name(table, timeMs), presence.where));
      return sorting.sorted(named);
    },
    async stop() {
      naming.close();
      await presence.stop();
    },
  };
}
