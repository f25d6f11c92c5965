/** How much of the cluster is followed: which resources, which of their objects, and which of their labels are kept. */

import type { NamespaceRecord, NodeRecord, PodRecord, ServiceRecord, SliceRecord } from './objects.ts';
import { podResource } from './pod-resource.ts';
import type { KeptKeys, Resource } from './resource.ts';
import { namespaceResource, nodeResource, serviceResource, sliceResource } from './resources.ts';

/** Keys of labels or annotations: these, and those that a pattern matches from begin to end. */
export interface WantedKeys {
  readonly keys: readonly string[];
  /** Regular expressions, as the collector's `key_regex` has them. */
  readonly patterns: readonly string[];
}

export interface WantedTexts {
  readonly labels: WantedKeys;
  readonly annotations: WantedKeys;
}

/** All of it is plain data, so that two scopes can be compared. */
export interface Scope {
  /** Beyla's `disable_informers`; without Services there are no EndpointSlices either. */
  readonly without: readonly ('nodes' | 'services')[];
  /** Only this node, and the pods on it; empty for all. */
  readonly localNode: string;
  /** Selectors of pods; empty for all. */
  readonly pods: { readonly namespace: string; readonly fieldSelector: string; readonly labelSelector: string };
  readonly keep: {
    readonly pods: WantedTexts;
    /** Whether host name, uids of owners and containers of pods are kept. */
    readonly podDetails: boolean;
    /** Labels of nodes are kept in any case: they are few, and tell zone, region and cluster. */
    readonly nodes: { readonly annotations: WantedKeys };
    /** Undefined: namespaces are not followed at all. */
    readonly namespaces: WantedTexts | undefined;
  };
}

const NO_KEYS: WantedKeys = { keys: [], patterns: [] };

export const WHOLE_CLUSTER: Scope = {
  without: [],
  localNode: '',
  pods: { namespace: '', fieldSelector: '', labelSelector: '' },
  keep: {
    pods: { labels: NO_KEYS, annotations: NO_KEYS },
    podDetails: false,
    nodes: { annotations: NO_KEYS },
    namespaces: undefined,
  },
};

type Followed<R extends PodRecord | NodeRecord | ServiceRecord | SliceRecord | NamespaceRecord> = Resource<R> & {
  readonly selectors: string;
};

export interface FollowedResources {
  readonly pods: Followed<PodRecord>;
  readonly nodes: Followed<NodeRecord> | undefined;
  readonly services: Followed<ServiceRecord> | undefined;
  readonly endpointslices: Followed<SliceRecord> | undefined;
  readonly namespaces: Followed<NamespaceRecord> | undefined;
}

export function followedResources({ without, localNode, pods, keep }: Scope): FollowedResources {
  const all = podResource(keptKeys(keep.pods), keep.podDetails);
  const path = pods.namespace === '' ? all.path : `/api/v1/namespaces/${encodeURIComponent(pods.namespace)}/pods`;
  const onNode = localNode === '' ? '' : `spec.nodeName=${localNode}`;
  const podFields = [pods.fieldSelector, onNode].filter((part) => part !== '').join(',');
  const nodeFields = localNode === '' ? '' : `metadata.name=${localNode}`;
  const services = !without.includes('services');
  const nodeKeys = { labels: () => true, annotations: keyFilter(keep.nodes.annotations) };
  return {
    pods: { ...all, path, selectors: selectors(podFields, pods.labelSelector) },
    nodes: without.includes('nodes') ? undefined : { ...nodeResource(nodeKeys), selectors: selectors(nodeFields, '') },
    services: services ? { ...serviceResource, selectors: '' } : undefined,
    endpointslices: services ? { ...sliceResource, selectors: '' } : undefined,
    namespaces:
      keep.namespaces === undefined ? undefined : { ...namespaceResource(keptKeys(keep.namespaces)), selectors: '' },
  };
}

function selectors(fields: string, labels: string): string {
  const parts = [
    ...(fields === '' ? [] : [`fieldSelector=${encodeURIComponent(fields)}`]),
    ...(labels === '' ? [] : [`labelSelector=${encodeURIComponent(labels)}`]),
  ];
  return parts.join('&');
}

const keptKeys = ({ labels, annotations }: WantedTexts): KeptKeys => ({
  labels: keyFilter(labels),
  annotations: keyFilter(annotations),
});

function keyFilter({ keys, patterns }: WantedKeys): (key: string) => boolean {
  const wanted = new Set(keys);
  if (patterns.length === 0) return (key) => wanted.has(key);
  const expressions = patterns.map((pattern) => new RegExp(`^(?:${pattern})$`));
  return (key) => wanted.has(key) || expressions.some((expression) => expression.test(key));
}
