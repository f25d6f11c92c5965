/**
 * Which workload owns a pod, told from the pod alone: ReplicaSets and Jobs are never listed, for a large cluster has
 * hundreds of thousands of them.
 *
 * A ReplicaSet's Deployment: its name is that of the Deployment, a dash and the hash that its pods carry as the label
 * `pod-template-hash` (Argo Rollouts: `rollouts-pod-template-hash`). Without that label, or with another hash, the
 * ReplicaSet itself is the owner. Limit: a ReplicaSet made by hand with such a name and label passes for a Deployment's.
 *
 * A Job's CronJob: its name is that of the CronJob, a dash and the time it was scheduled for, in minutes since 1970
 * (before Kubernetes 1.21 in seconds). It counts as such only within 31 days before and a day after the pod was made, so
 * that `import-20261123` stays a Job. Limits: a Job made by `kubectl create job --from` has a name of its choice and is
 * its own owner, and so is a CronJob's pod that was made more than 31 days after its schedule.
 */

export interface Owner {
  /** `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job`, `Pod`, ... */
  readonly kind: string;
  readonly name: string;
}

interface OwnerReference {
  readonly kind?: string;
  readonly name?: string;
  readonly controller?: true;
}

const HASH_LABELS = [
  ['pod-template-hash', 'Deployment'],
  ['rollouts-pod-template-hash', 'Rollout'],
] as const;

/** The labels of a pod that tell its owner. */
export const OWNER_LABELS: readonly string[] = HASH_LABELS.map(([label]) => label);

const DAY_MS = 24 * 3_600_000;
const LONGEST_DELAY_MS = 31 * DAY_MS;
const MINUTE_MS = 60_000;

/** `createdMs` is the pod's creation in milliseconds since the epoch. */
export function ownerOf(
  podName: string,
  references: readonly OwnerReference[],
  labels: Readonly<Record<string, string>>,
  createdMs: number,
): Owner {
  const { kind, name } = references.find(({ controller }) => controller) ?? references[0] ?? {};
  if (kind === undefined || name === undefined) return { kind: 'Pod', name: podName };
  if (kind === 'ReplicaSet') return ownerOfReplicaSet(name, labels);
  if (kind === 'Job') return ownerOfJob(name, createdMs);
  return { kind, name };
}

function ownerOfReplicaSet(name: string, labels: Readonly<Record<string, string>>): Owner {
  for (const [label, kind] of HASH_LABELS) {
    const suffix = `-${labels[label]}`;
    if (name.endsWith(suffix) && name.length > suffix.length) return { kind, name: name.slice(0, -suffix.length) };
  }
  return { kind: 'ReplicaSet', name };
}

function ownerOfJob(name: string, createdMs: number): Owner {
  const [, cronJob, digits] = /^(.+)-(\d{8}|\d{10})$/.exec(name) ?? [];
  if (cronJob === undefined || digits === undefined) return { kind: 'Job', name };
  const scheduledMs = Number(digits) * (digits.length === 8 ? MINUTE_MS : 1000);
  const delayMs = createdMs - scheduledMs;
  if (delayMs > LONGEST_DELAY_MS || delayMs < -DAY_MS) return { kind: 'Job', name };
  return { kind: 'CronJob', name: cronJob };
}
