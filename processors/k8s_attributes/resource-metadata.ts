/** What a pod, a container of it, its namespace and its node give to the resource of data that comes from the pod. */

import type { ContainerDetails, PodRecord } from '../../core/kubernetes/objects.ts';
import type { GivenValue } from '../../core/otlp/resource-attributes.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import type { UpstreamConfig } from './upstream-config.ts';

/** ReplicaSets and Jobs are not listed, and only they have these. */
export const notKnown: ReadonlySet<string> = new Set(['k8s.deployment.uid', 'k8s.cronjob.uid']);

/** A pod with this annotation gives nothing to its data. */
export const IGNORE_ANNOTATION = 'opentelemetry.io/k8s-processor/ignore';

const SERVICE_NAME_LABELS = ['app.kubernetes.io/instance', 'app.kubernetes.io/name'];
const SERVICE_VERSION_LABEL = 'app.kubernetes.io/version';

const containerNames = ['k8s.container.name', 'container.id', 'container.image.name', 'container.image.tag'];
const withContainers = [...containerNames, 'container.image.repo_digests', 'service.version', 'service.instance.id'];
const owned = ['replicaset', 'daemonset', 'statefulset', 'job'];
const withDetails: ReadonlySet<string> = new Set([
  ...withContainers,
  ...owned.map((kind) => `k8s.${kind}.uid`),
  'k8s.replicaset.name',
  'k8s.job.name',
  'k8s.pod.hostname',
]);

/** Whether more of pods must be read than flows need. */
export const needsDetails = ({ extract, pod_association }: UpstreamConfig): boolean =>
  extract.metadata.some((name) => withDetails.has(name)) ||
  pod_association.some(({ sources }) => sources.some(({ name }) => name === 'container.id'));

/** Labels of pods that metadata is told from. */
export function labelsFor({ extract: { metadata } }: UpstreamConfig): readonly string[] {
  return [
    ...(metadata.includes('service.name') ? SERVICE_NAME_LABELS : []),
    ...(metadata.includes('service.version') ? [SERVICE_VERSION_LABEL] : []),
  ];
}

type Read = (pod: PodRecord) => string | undefined;

const kinds: Readonly<Record<string, string>> = {
  deployment: 'Deployment',
  replicaset: 'ReplicaSet',
  daemonset: 'DaemonSet',
  statefulset: 'StatefulSet',
  job: 'Job',
  cronjob: 'CronJob',
};

const ownerOf = ({ details }: PodRecord, kind: string) => details?.owners.find((owner) => owner.kind === kind);

const readers: Readonly<Record<string, Read>> = {
  'k8s.namespace.name': ({ namespace }) => namespace,
  'k8s.pod.name': ({ name }) => name,
  'k8s.pod.uid': ({ uid }) => uid,
  'k8s.pod.start_time': ({ createdMs }) =>
    createdMs === 0 ? undefined : new Date(createdMs).toISOString().replace('.000Z', 'Z'),
  'k8s.pod.ip': ({ addresses, hostNetwork, hostIp }) => addresses[0] ?? (hostNetwork ? hostIp : undefined),
  'k8s.pod.hostname': ({ details }) => details?.hostname,
  'k8s.node.name': ({ nodeName }) => nodeName,
  'service.name': (pod) => {
    const label = SERVICE_NAME_LABELS.map((key) => pod.labels[key]).find((value) => value !== undefined);
    return label ?? (Object.values(kinds).includes(pod.owner.kind) ? pod.owner.name : pod.name);
  },
  'service.version': ({ labels }) => labels[SERVICE_VERSION_LABEL],
  ...Object.fromEntries(
    Object.entries(kinds).flatMap(([name, kind]): [string, Read][] => [
      [`k8s.${name}.name`, (pod) => ownerOf(pod, kind)?.name ?? (pod.owner.kind === kind ? pod.owner.name : undefined)],
      [`k8s.${name}.uid`, (pod) => ownerOf(pod, kind)?.uid],
    ]),
  ),
};

/** The metadata that is asked for and that the pod has, by name. */
export function metadataOf(wanted: readonly string[], pod: PodRecord): readonly (readonly [string, string])[] {
  return wanted.flatMap((name) => {
    const value = readers[name]?.(pod);
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
}

type Given = readonly [name: string, value: GivenValue];

/** What is asked for of the container that the resource names, or else of the only one. */
export function containerMetadataOf(
  wanted: ReadonlySet<string>,
  pod: PodRecord,
  { attributes }: Pick<ResourceMetricsTable, 'attributes'>,
): readonly Given[] {
  const containers = pod.details?.containers ?? [];
  if (containers.length === 0 || !withContainers.some((name) => wanted.has(name))) return [];
  const container = containerNamed(containers, attributes);
  if (container === undefined) return [];
  const { name, image, status } = container;
  const { repository, tag, digest } = imageOf(image ?? '');
  const version = tag === '' || digest === '' ? tag || digest : `${tag}@${digest}`;
  const restarts = attributes.get('k8s.container.restart_count');
  // An earlier run of the container had another id, which the status does not say.
  const ran = restarts === undefined || Number(restarts) === status?.restarts ? status : undefined;
  const digests = /^(?!.*:\/\/)[^@]+@sha256:[0-9a-f]{64}$/.test(ran?.imageId ?? '') ? [ran!.imageId] : [];
  const all: readonly Given[] = [
    ['k8s.container.name', name],
    ['container.image.name', repository],
    ['container.image.tag', repository === '' ? '' : tag || 'latest'],
    ['service.instance.id', `${pod.namespace}.${pod.name}.${name}`],
    ['service.version', version],
    ['container.id', ran?.id ?? ''],
    ['container.image.repo_digests', digests],
  ];
  return all.filter(([key, value]) => wanted.has(key) && value.length > 0);
}

function containerNamed(
  containers: readonly ContainerDetails[],
  attributes: ResourceMetricsTable['attributes'],
): ContainerDetails | undefined {
  const [name, id] = [attributes.get('k8s.container.name'), attributes.get('container.id')];
  if (typeof name === 'string' && name !== '') return containers.find((one) => one.name === name);
  if (typeof id === 'string' && id !== '') return containers.find(({ status }) => status?.id === id);
  const ran = containers.filter(({ status }) => status !== undefined);
  if (ran.length === 1) return ran[0];
  return containers.length === 1 ? containers[0] : undefined;
}

/** `registry.test:5000/team/app:1.2@sha256:...`: a tag is behind the last slash, a port before it. */
function imageOf(image: string): { readonly repository: string; readonly tag: string; readonly digest: string } {
  const [named = '', digest = ''] = image.split('@');
  const [, repository = named, tag = ''] = /^(.*):([^/:]*)$/.exec(named) ?? [];
  return { repository, tag, digest };
}
