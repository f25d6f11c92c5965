/**
 * Pods by what a reader asks for them by, such as namespace and name: made when it is opened, and kept up from then on. Of
 * two pods with one key it is the later one; a deleted one is found for as long as its record is kept.
 */

import type { PodRecord } from './objects.ts';
import type { RecordTable } from './record-table.ts';

export interface PodIndex {
  find(key: string): PodRecord | undefined;
  close(): void;
}

interface Open {
  readonly keysOf: (pod: PodRecord) => readonly string[];
  /** Uids by key. */
  readonly uids: Map<string, string>;
  /** Keys whose pod was deleted: forgotten with its record. */
  readonly gone: Set<string>;
}

export function createPodIndexes(pods: Pick<RecordTable<PodRecord>, 'get' | 'records'>) {
  const indexes = new Set<Open>();

  function add({ keysOf, uids, gone }: Open, pod: PodRecord): void {
    for (const key of keysOf(pod)) {
      const known = pods.get(uids.get(key) ?? '');
      if (known !== undefined && known.uid !== pod.uid && known.createdMs > pod.createdMs && !gone.has(key)) continue;
      uids.set(key, pod.uid);
      gone.delete(key);
    }
  }

  function remove({ keysOf, uids }: Open, pod: PodRecord): void {
    for (const key of keysOf(pod)) if (uids.get(key) === pod.uid) uids.delete(key);
  }

  return {
    open(keysOf: Open['keysOf']): PodIndex {
      const index: Open = { keysOf, uids: new Map(), gone: new Set() };
      indexes.add(index);
      for (const pod of pods.records()) add(index, pod);
      return {
        find: (key) => pods.get(index.uids.get(key) ?? ''),
        close: () => void indexes.delete(index),
      };
    },
    changed(before: PodRecord | undefined, after: PodRecord | undefined): void {
      for (const index of indexes) {
        if (after === undefined) {
          for (const key of index.keysOf(before!)) if (index.uids.get(key) === before!.uid) index.gone.add(key);
          continue;
        }
        if (before !== undefined) remove(index, before);
        add(index, after);
      }
    },
    expire(): void {
      for (const { uids, gone } of indexes) {
        for (const key of gone) {
          if (pods.get(uids.get(key) ?? '') !== undefined) continue;
          uids.delete(key);
          gone.delete(key);
        }
      }
    },
  };
}
