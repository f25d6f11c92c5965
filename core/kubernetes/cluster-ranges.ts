/** Which addresses should be of the cluster though nothing is known of them: an object that has one may be on its way. */

import { ADDRESS_BYTES } from '../table/address.ts';
import type { EndpointDimension } from '../table/dimension.ts';
import { type Prefix, parsePrefix } from '../table/prefix.ts';
import { createPrefixTable, type PrefixTable } from '../table/prefix-table.ts';
import type { KubernetesReader } from './store.ts';

export interface ClusterRanges {
  holds(dimension: EndpointDimension, endpoint: number): boolean;
  /** Reads again how nodes name the ranges of their pods. */
  refresh(): void;
}

/** `wholeCluster` false: only some nodes are followed, and what is in none of their ranges may be anybody's. */
export function createClusterRanges(store: Pick<KubernetesReader, 'podRanges'>, wholeCluster: boolean): ClusterRanges {
  let texts = '';
  let table: PrefixTable | undefined;
  return {
    refresh() {
      const ranges = [...new Set(store.podRanges())].sort();
      if (texts === ranges.join()) return;
      texts = ranges.join();
      const prefixes = ranges.map(parsePrefix).filter((prefix): prefix is Prefix => 'bytes' in prefix);
      table = prefixes.length === 0 ? undefined : createPrefixTable(prefixes);
    },
    holds(dimension, endpoint) {
      if (table !== undefined) return table.find(dimension.addressBytes, endpoint * ADDRESS_BYTES) >= 0;
      return wholeCluster && dimension.kind(endpoint) === 'private';
    },
  };
}
