/** The uid of the cluster, for data with one identity that asks for it: looked for until it is known. */

import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import { reasonOf } from '../../core/zones/metadata.ts';

const RETRY_MS = 60_000;
const TIMEOUT_MS = 5000;

export interface ClusterUid {
  /** Undefined: not known, or not wanted. */
  readonly value: string | undefined;
  stop(): Promise<void>;
}

export function createClusterUid(
  isWanted: boolean,
  store: Pick<KubernetesReader, 'clusterUid'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ClusterUid {
  const stopping = new AbortController();
  let value: string | undefined;

  async function search(): Promise<void> {
    let said = false;
    while (value === undefined && !stopping.signal.aborted) {
      try {
        value = await store.clusterUid(AbortSignal.any([stopping.signal, AbortSignal.timeout(TIMEOUT_MS)]));
      } catch (error) {
        if (stopping.signal.aborted) return;
        const fields = { reason: reasonOf(error), fix: 'allow the account to get namespaces' };
        if (!said) logger.warn('The uid of the cluster is not known: k8s.cluster.uid is absent until it is.', fields);
        said = true;
        await clock.sleep(RETRY_MS, stopping.signal);
      }
    }
  }

  const searching = isWanted ? search() : Promise.resolve();
  return {
    get value() {
      return value;
    },
    async stop() {
      stopping.abort();
      await searching;
    },
  };
}
