/** The zone of pods and nodes from the labels of the nodes, as the store of the agent knows them. */

import { reportOf, WeirError } from '../errors.ts';
import { createEndpointChanges, type EndpointChanges } from '../kubernetes/endpoint-changes.ts';
import { AS_OTHERS, type SharedStores, type StoreHost } from '../kubernetes/shared-stores.ts';
import type { KubernetesReader } from '../kubernetes/store.ts';
import { ADDRESS_BYTES } from '../table/address.ts';
import type { EndpointDimension } from '../table/dimension.ts';
import type { ZoneSource } from './zone-source.ts';

export interface NodeLabelOptions {
  /** Keys of labels; empty: none. */
  readonly zone: string;
  readonly region: string;
  readonly stores: SharedStores;
  readonly host: StoreHost;
}

/** Where no other component of the agent waits for the first lists, this one does, for so long. */
const SYNC_MS = 10_000;

export function zoneOfNodeLabels({ zone, region, stores, host }: NodeLabelOptions): ZoneSource {
  const lease = stores.request(AS_OTHERS, host);
  let store: KubernetesReader | undefined;
  let changes: EndpointChanges | undefined;

  async function open(): Promise<void> {
    try {
      store = await lease.start();
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      // Nobody asked for Kubernetes here by name; whoever did says so, too, and does not start.
      host.logger.warn('Zones come without the labels of Kubernetes nodes.', { reason: reportOf(error) });
    }
    if (store !== undefined && lease.isAlone) await store.health.waitForSync(SYNC_MS);
  }

  const nodeOf = (endpoints: EndpointDimension, endpoint: number) => {
    const offset = endpoint * ADDRESS_BYTES;
    const address = endpoints.addressBytes.subarray(offset, offset + ADDRESS_BYTES);
    return store?.identityAt(address, Number(host.clock.nowNs() / 1_000_000n))?.node;
  };

  return {
    explain: (endpoints, endpoint) => `the labels of the node ${nodeOf(endpoints, endpoint)?.name}`,
    placeOf(endpoints, endpoint) {
      const labels = nodeOf(endpoints, endpoint)?.labels;
      const place = {
        ...(labels?.[zone] ? { zone: labels[zone] } : {}),
        ...(labels?.[region] ? { region: labels[region] } : {}),
      };
      return place.zone === undefined && place.region === undefined ? undefined : place;
    },
    async start(dimensions) {
      await open();
      changes = store && createEndpointChanges(store.openChanges(), dimensions);
    },
    look: () => changes?.look(),
    async stop() {
      changes?.close();
      await lease.stop();
    },
  };
}
