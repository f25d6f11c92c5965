/**
 * Data that comes from one pod, told by its resource or its connection: what upstream's processor of this name does. It
 * adds attributes to the resource; what the resource says already stays.
 */

import type { Host, Processor } from '../../core/component/define.ts';
import type { NamespaceRecord, NodeRecord, PodRecord } from '../../core/kubernetes/objects.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import {
  attributeOf,
  type GivenAttribute,
  type GivenValue,
  withResourceAttributes,
} from '../../core/otlp/resource-attributes.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { connectionOf, createPodFinder, type Identifier, identify, nameOf } from './association.ts';
import { createClusterUid } from './cluster-uid.ts';
import type { K8sAttributesConfig } from './config.ts';
import { createTextReading } from './extraction.ts';
import { containerMetadataOf, IGNORE_ANNOTATION, metadataOf, notKnown } from './resource-metadata.ts';

const POD_IP = 'k8s.pod.ip';
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

function addressOf({ passthrough, extract }: K8sAttributesConfig, identifier: Identifier): readonly GivenAttribute[] {
  const address = connectionOf(identifier);
  if (address === undefined || !(passthrough || extract.metadata.includes(POD_IP))) return [];
  return [attributeOf(POD_IP, address)];
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
  const countAssociation = createAssociationCounter(metrics);
  const givesNothing = createKept(
    ({ name, annotations }: PodRecord) =>
      excluded.some((pattern) => pattern.test(name)) || annotations[IGNORE_ANNOTATION]?.trim().toLowerCase() === 'true',
  );

  const textsOfPod = (pod: PodRecord): ReadonlyMap<string, string> =>
    new Map([...metadataOf(extract.metadata, pod), ...textsOf('pod', pod)]);
  const givenByPod = createKept((pod: PodRecord) => attributesOf(textsOfPod(pod)));
  const givenByOther = createKept((record: NamespaceRecord | NodeRecord) =>
    attributesOf(textsOf(record.kind === 'Node' ? 'node' : 'namespace', record)),
  );
  const finder = createPodFinder(pod_association, store, textsOfPod);

  function podOf(identifier: Identifier | undefined): PodRecord | undefined {
    if (identifier === undefined) return undefined;
    const pod = finder.find(identifier, Number(clock.nowNs() / 1_000_000n));
    return pod === undefined || givesNothing(pod) ? undefined : pod;
  }

  function givenTo(table: ResourceMetricsTable): readonly GivenAttribute[] {
    const identifier = identify(pod_association, table);
    const pod = podOf(identifier);
    countAssociation(pod === undefined ? 'error' : 'success', identifier === undefined ? '' : nameOf(identifier));
    const given: GivenAttribute[] = identifier === undefined ? [] : [...addressOf(config, identifier)];
    if (pod !== undefined) {
      given.push(...givenByPod(pod), ...attributesOf(containerMetadataOf(wanted, pod, table)));
      if (clusterUid.value !== undefined) given.push(attributeOf('k8s.cluster.uid', clusterUid.value));
    }
    const namespace = pod?.namespace || textIn(table, 'k8s.namespace.name');
    const ofNamespace = store.namespace(namespace);
    if (ofNamespace !== undefined) given.push(...givenByOther(ofNamespace));
    if (namespace !== '' && wanted.has('service.namespace')) given.push(attributeOf('service.namespace', namespace));
    const node = store.node(pod?.nodeName || textIn(table, 'k8s.node.name'));
    if (node !== undefined) {
      given.push(...givenByOther(node));
      if (wanted.has('k8s.node.uid')) given.push(attributeOf('k8s.node.uid', node.uid));
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

/** Labels are made into text at a scrape, not at each resource. */
function createAssociationCounter(metrics: Host['metrics']): (status: 'success' | 'error', by: string) => void {
  const counter = metrics.counter({
    name: 'otelcol_k8s_pod_association_total',
    help: 'Resources of which the pod was found (success) or not (error), by what it was looked for.',
  });
  const counts = { success: new Map<string, number>(), error: new Map<string, number>() };
  metrics.onScrape(() => {
    for (const [status, byName] of Object.entries(counts)) {
      for (const [pod_identifier, count] of byName) counter.add(count, { status, pod_identifier });
      byName.clear();
    }
  });
  return (status, by) => void counts[status].set(by, (counts[status].get(by) ?? 0) + 1);
}

const attributesOf = (values: Iterable<readonly [name: string, value: GivenValue]>): readonly GivenAttribute[] =>
  Array.from(values, ([name, value]) => attributeOf(name, value));

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
