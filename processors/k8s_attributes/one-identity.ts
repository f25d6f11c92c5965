/**
 * Data that comes from one pod, told by its resource or its connection: what upstream's processor of this name does. It
 * adds attributes to the resource; what the resource says already stays.
 */

import type { Host, Processor } from '../../core/component/define.ts';
import type { NamespaceRecord, NodeRecord, PodRecord } from '../../core/kubernetes/objects.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import { type GivenValue, withResourceAttributes } from '../../core/otlp/resource-attributes.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { connectionOf, createPodFinder, type Identifier, identify, nameOf } from './association.ts';
import { createClusterUid } from './cluster-uid.ts';
import type { K8sAttributesConfig } from './config.ts';
import { createTextReading } from './extraction.ts';
import { containerMetadataOf, IGNORE_ANNOTATION, metadataOf, notKnown } from './resource-metadata.ts';
import type { TextSource } from './upstream-config.ts';

const POD_IP = 'k8s.pod.ip';
type Given = readonly [name: string, value: GivenValue];

export interface OneIdentity {
  readonly process: NonNullable<Processor['resourceMetrics']>;
  stop(): Promise<void>;
}

/** Says where data came from and asks nobody: `passthrough`, and where there is no cluster. */
export function createAddressing(config: K8sAttributesConfig): OneIdentity['process'] {
  return (table) => {
    const identifier = identify(config.pod_association, table);
    return identifier === undefined ? table : withResourceAttributes(table, addressOf(config, identifier));
  };
}

function addressOf({ passthrough, extract }: K8sAttributesConfig, identifier: Identifier): readonly Given[] {
  const address = connectionOf(identifier);
  if (address === undefined || !(passthrough || extract.metadata.includes(POD_IP))) return [];
  return [[POD_IP, address]];
}

export function createOneIdentity(config: K8sAttributesConfig, store: KubernetesReader, host: Host): OneIdentity {
  const { extract, exclude, pod_association } = config;
  const { clock, logger, metrics } = host;
  const wanted = new Set(extract.metadata);
  const never = extract.metadata.filter((name) => notKnown.has(name));
  if (never.length > 0) {
    logger.warn('Metadata that is asked for is never given: ReplicaSets and Jobs are not listed.', { metadata: never });
  }
  const excluded = exclude.pods.map(({ name }) => new RegExp(name));
  const clusterUid = createClusterUid(wanted.has('k8s.cluster.uid'), store, { clock, logger });
  const textsOf = createTextReading(config);
  const associations = metrics.counter({
    name: 'otelcol_k8s_pod_association_total',
    help: 'Resources of which the pod was found (success) or not (error), by what it was looked for.',
  });

  const textsOfRecord = createKept((record: PodRecord | NamespaceRecord | NodeRecord) => [
    ...textsOf(sourceOf[record.kind], record),
  ]);
  const attributesOf = createKept(
    (pod: PodRecord): ReadonlyMap<string, string> =>
      new Map([...metadataOf(extract.metadata, pod), ...textsOfRecord(pod)]),
  );
  const finder = createPodFinder(pod_association, store, attributesOf);

  function podOf(identifier: Identifier | undefined): PodRecord | undefined {
    if (identifier === undefined) return undefined;
    const pod = finder.find(identifier, Number(clock.nowNs() / 1_000_000n));
    if (pod === undefined || excluded.some((name) => name.test(pod.name))) return undefined;
    return pod.annotations[IGNORE_ANNOTATION]?.trim().toLowerCase() === 'true' ? undefined : pod;
  }

  function givenTo(table: ResourceMetricsTable): readonly Given[] {
    const identifier = identify(pod_association, table);
    const pod = podOf(identifier);
    associations.add(1, {
      status: pod === undefined ? 'error' : 'success',
      pod_identifier: identifier === undefined ? '' : nameOf(identifier),
    });
    const given: Given[] = identifier === undefined ? [] : [...addressOf(config, identifier)];
    if (pod !== undefined) {
      given.push(...attributesOf(pod), ...containerMetadataOf(wanted, pod, table));
      if (clusterUid.value !== undefined) given.push(['k8s.cluster.uid', clusterUid.value]);
    }
    const namespace = pod?.namespace || textIn(table, 'k8s.namespace.name');
    const ofNamespace = store.namespace(namespace);
    if (ofNamespace !== undefined) given.push(...textsOfRecord(ofNamespace));
    if (namespace !== '' && wanted.has('service.namespace')) given.push(['service.namespace', namespace]);
    const node = store.node(pod?.nodeName || textIn(table, 'k8s.node.name'));
    if (node !== undefined) {
      given.push(...textsOfRecord(node));
      if (wanted.has('k8s.node.uid')) given.push(['k8s.node.uid', node.uid]);
    }
    return given;
  }

  return {
    process: (table) => withResourceAttributes(table, givenTo(table)),
    async stop() {
      finder.close();
      await clusterUid.stop();
    },
  };
}

const sourceOf: Readonly<Record<'Pod' | 'Namespace' | 'Node', TextSource>> = {
  Pod: 'pod',
  Namespace: 'namespace',
  Node: 'node',
};

function textIn({ attributes }: ResourceMetricsTable, name: string): string {
  const value = attributes.get(name);
  return typeof value === 'string' ? value : '';
}

/** Made once of each record: records never change. */
function createKept<Of extends object, Made>(make: (record: Of) => Made): (record: Of) => Made {
  const kept = new WeakMap<Of, Made>();
  return (record) => {
    const known = kept.get(record);
    if (known !== undefined) return known;
    const made = make(record);
    kept.set(record, made);
    return made;
  };
}
