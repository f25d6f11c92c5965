/** What of a pod is read beside its record where that was asked for: host name, uids of owners, containers. */

import { type Cursor, list, number, object, text } from './json-scan.ts';
import type { ContainerDetails, PodDetails } from './objects.ts';

const specs = list(object({ name: text, image: text }));
const statuses = list(object({ name: text, containerID: text, imageID: text, restartCount: number }));
const owners = list(object({ kind: text, name: text, uid: text }));
const spec = object({ hostname: text, containers: specs, initContainers: specs });
const status = object({ containerStatuses: statuses, initContainerStatuses: statuses });
const raw = object({ metadata: object({ ownerReferences: owners }), spec, status });
type Raw = NonNullable<ReturnType<typeof raw>>;

/** Those of the pod at the cursor, which stays where it is. */
export const readPodDetails = ({ bytes, at }: Cursor): PodDetails => detailsOf(raw({ bytes, at }) ?? {});

function detailsOf({ metadata, spec = {}, status = {} }: Raw): PodDetails {
  const ran = new Map<string, ContainerDetails['status']>();
  for (const { name, containerID, imageID = '', restartCount = 0 } of [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
  ]) {
    if (name === undefined) continue;
    const id = containerID?.split('://').at(-1) ?? '';
    ran.set(name, id === '' ? undefined : { id, imageId: imageID, restarts: restartCount });
  }
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(
    ({ name, image }): ContainerDetails[] => (name === undefined ? [] : [{ name, image, status: ran.get(name) }]),
  );
  return {
    hostname: spec.hostname === '' ? undefined : spec.hostname,
    owners: (metadata?.ownerReferences ?? []).map(({ kind = '', name = '', uid = '' }) => ({ kind, name, uid })),
    containers,
  };
}
