/**
 * The name of the cluster, for when nobody gave it: from the labels of this node, else from the metadata of the cloud that
 * the node says it is in, else the uid of kube-system. In this order, always.
 */

import { type Cloud, clusterFromMetadata, type MetadataServers, reasonOf } from '../zones/metadata.ts';
import type { NodeRecord } from './objects.ts';
import type { KubernetesReader } from './store.ts';

export interface ClusterName {
  readonly name: string;
  readonly source: 'label' | 'cloud' | 'kube-system uid';
}

export interface ClusterNameOptions {
  readonly store: Pick<KubernetesReader, 'clusterUid'>;
  readonly servers: MetadataServers;
  /** This node; undefined: not known. */
  readonly node: NodeRecord | undefined;
  readonly signal: AbortSignal;
}

const LABELS = ['alpha.eksctl.io/cluster-name', 'cluster.x-k8s.io/cluster-name', 'kubernetes.azure.com/cluster'];

/** By what stands before `://` in a node's providerID. */
const CLOUDS: Readonly<Record<string, Cloud>> = { aws: 'aws', gce: 'gcp', azure: 'azure' };

const UID_TIMEOUT_MS = 5000;

/** Or every reason why it cannot be told. Waits for a few seconds at most. */
export async function findClusterName(options: ClusterNameOptions): Promise<ClusterName | readonly string[]> {
  const { store, servers, node, signal } = options;
  const label = LABELS.map((key) => node?.labels[key]).find((value) => value !== undefined && value !== '');
  if (label !== undefined) return { name: label, source: 'label' };
  const reasons = [node === undefined ? 'this node is not known' : `${node.name} has none of the labels ${LABELS}`];
  const cloud = CLOUDS[node?.providerId.split('://')[0] ?? ''];
  if (cloud !== undefined) {
    try {
      return { name: await clusterFromMetadata(cloud, servers), source: 'cloud' };
    } catch (error) {
      reasons.push(`${cloud}: ${reasonOf(error)}`);
    }
  }
  try {
    const uid = await store.clusterUid(AbortSignal.any([signal, AbortSignal.timeout(UID_TIMEOUT_MS)]));
    return { name: uid, source: 'kube-system uid' };
  } catch (error) {
    return [...reasons, `namespace kube-system: ${reasonOf(error)}`];
  }
}
