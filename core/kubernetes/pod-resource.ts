/** Pods: what is read of each, and the record that is made of it. */

import { canonicalAddresses } from './addresses.ts';
import { type Cursor, flag, list, object, text } from './json-scan.ts';
import type { PodRecord, Texts } from './objects.ts';
import { OWNER_LABELS, type Owner, ownerOf } from './owner.ts';
import { readPodDetails } from './pod-details.ts';
import {
  ips,
  ipTexts,
  type KeptKeys,
  type KeyFilter,
  metadataOf,
  NO_TEXTS,
  parsing,
  type Resource,
  statusFields,
  timeOf,
} from './resource.ts';

const ENDED = new Set(['Succeeded', 'Failed']);
/** Says when the pod's network was made, so from when its addresses are its own (Kubernetes 1.29 and later). */
const NETWORK_READY = 'PodReadyToStartContainers';

/** At this many the pool begins anew, so that what is gone does not stay for ever; what was shared stays shared. */
const MAX_SHARED = 65_536;

/** Gives the first value of each key for all that follow: namespaces, nodes and owners belong to many objects. */
function createPool<T>(): (key: string, value: T) => T {
  const pool = new Map<string, T>();
  return (key, value) => {
    const known = pool.get(key);
    if (known !== undefined) return known;
    if (pool.size === MAX_SHARED) pool.clear();
    pool.set(key, value);
    return value;
  };
}

export function podResource(keys: KeptKeys, wantsDetails: boolean): Resource<PodRecord> {
  const ownerLabels = new Set(OWNER_LABELS);
  const shareText = createPool<string>();
  const share = (given: string) => shareText(given, given);
  const shareOwner = createPool<Owner>();
  const shape = object({
    metadata: object({
      ...metadataOf({ ...keys, labels: (key) => ownerLabels.has(key) || keys.labels(key) }),
      ownerReferences: list(object({ kind: text, name: text, controller: flag })),
    }),
    spec: object({ nodeName: text, hostNetwork: flag }),
    status: object({
      phase: text,
      hostIP: text,
      hostIPs: ips,
      podIP: text,
      podIPs: ips,
      startTime: text,
      conditions: list(object({ type: text, status: text, lastTransitionTime: text })),
      containerStatuses: list(object({ state: object({ terminated: object({ finishedAt: text }) }) })),
    }),
    ...statusFields,
  });
  const withDetails = (cursor: Cursor) => {
    const details = wantsDetails ? readPodDetails(cursor) : undefined;
    const raw = shape(cursor);
    return raw && { ...raw, details };
  };
  type Pod = NonNullable<ReturnType<typeof withDetails>>;
  return {
    name: 'pods',
    group: '',
    path: '/api/v1/pods',
    object: parsing(withDetails, (raw: Pod, { uid, name, namespace, createdMs, labels, annotations }) => {
      const { status = {}, spec = {} } = raw;
      const readyMs = networkReadyMs(status.conditions);
      const startedMs = timeOf(status.startTime);
      const owner = ownerOf(name, raw.metadata?.ownerReferences ?? [], labels, createdMs);
      const hostNetwork = spec.hostNetwork === true;
      const hostIps = canonicalAddresses([
        ...(status.hostIP === undefined ? [] : [status.hostIP]),
        ...ipTexts(status.hostIPs),
      ]);
      const podIps = canonicalAddresses([
        ...(status.podIP === undefined ? [] : [status.podIP]),
        ...ipTexts(status.podIPs),
      ]);
      return {
        kind: 'Pod',
        uid,
        name,
        namespace: share(namespace),
        owner: owner.kind === 'Pod' ? owner : shareOwner(`${owner.kind}/${owner.name}`, owner),
        nodeName: share(spec.nodeName ?? ''),
        hostIp: hostIps[0] === undefined ? undefined : share(hostIps[0]),
        hostNetwork,
        addresses: hostNetwork ? [] : podIps.filter((ip) => !hostIps.includes(ip)),
        fromMs: readyMs ?? startedMs ?? createdMs,
        fromIsExact: readyMs !== undefined,
        endedMs: ENDED.has(status.phase ?? '') ? lastFinishedMs(status.containerStatuses) : undefined,
        createdMs,
        labels: keptOf(labels, keys.labels),
        annotations,
        details: raw.details,
      };
    }),
  };
}

function networkReadyMs(
  conditions: readonly {
    readonly type?: string;
    readonly status?: string;
    readonly lastTransitionTime?: string;
  }[] = [],
): number | undefined {
  const ready = conditions.find(({ type }) => type === NETWORK_READY);
  return ready?.status === 'True' ? timeOf(ready.lastTransitionTime) : undefined;
}

/** 0 where no container says when: such a pod, evicted before it began, gave its address back long ago. */
function lastFinishedMs(
  statuses: readonly { readonly state?: { readonly terminated?: { readonly finishedAt?: string } } }[] = [],
): number {
  return Math.max(0, ...statuses.map(({ state }) => timeOf(state?.terminated?.finishedAt) ?? 0));
}

/** The owner's labels are read in any case, and kept only where they were asked for. */
function keptOf(labels: Texts, wanted: KeyFilter): Texts {
  const keys = Object.keys(labels);
  if (keys.every(wanted)) return keys.length === 0 ? NO_TEXTS : labels;
  const kept = keys.filter(wanted);
  return kept.length === 0 ? NO_TEXTS : Object.fromEntries(kept.map((key) => [key, labels[key]!]));
}
