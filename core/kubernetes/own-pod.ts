/** Which pod this process runs in, where that can be told, and which node. */

import { readFile } from 'node:fs/promises';
import type { PodRecord } from './objects.ts';
import type { KubernetesReader } from './store.ts';

export interface OwnPod {
  /** Empty: not known. */
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

/** Every pod has files of the kubelet mounted, such as /etc/hosts, from a folder that has its uid for a name. */
const MOUNT = /\/pods\/([0-9a-f]{8}-[0-9a-f-]{27})\//;

export async function findOwnPod(
  environment: Readonly<Record<string, string | undefined>>,
  mounts = '/proc/self/mountinfo',
): Promise<OwnPod> {
  const { POD_UID, POD_NAME = '', POD_NAMESPACE = '' } = environment;
  const lines = POD_UID ? '' : await readFile(mounts, 'utf8').catch(() => '');
  return { uid: POD_UID ?? MOUNT.exec(lines)?.[1] ?? '', name: POD_NAME, namespace: POD_NAMESPACE };
}

/** The pod itself, once the store has it. */
export function ownPodIn(store: KubernetesReader, { uid, name, namespace }: OwnPod): PodRecord | undefined {
  if (name !== '' && namespace !== '') return store.podByName(namespace, name);
  return uid === '' ? undefined : store.podByUid(uid);
}
