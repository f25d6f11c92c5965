/**
 * Nodes, Services, EndpointSlices and namespaces: where the API has each, what is read of its objects, and the record that
 * is made of them. Only the fields named here are ever parsed.
 */

import { canonicalAddress, canonicalAddresses } from './addresses.ts';
import { list, number, object, text } from './json-scan.ts';
import type { NamespaceRecord, NodeRecord, ServicePort, ServiceRecord, SliceRecord } from './objects.ts';
import { ips, ipTexts, type KeptKeys, metadataOf, parsing, type Raw, type Resource, statusFields } from './resource.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

export function nodeResource(keys: KeptKeys): Resource<NodeRecord> {
  const shape = object({
    metadata: object(metadataOf({ ...keys, labels: () => true })),
    spec: object({ podCIDR: text, podCIDRs: list(text), providerID: text }),
    status: object({ addresses: list(object({ type: text, address: text })) }),
    ...statusFields,
  });
  type Node = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'nodes',
    group: '',
    path: '/api/v1/nodes',
    object: parsing(shape, (raw: Node, { createdMs, ...identified }) => {
      const { podCIDR, podCIDRs = [], providerID = '' } = raw.spec ?? {};
      const addresses = raw.status?.addresses ?? [];
      const all = canonicalAddresses(addresses.map(({ address = '' }) => address));
      const internal = addresses.find(({ type }) => type === 'InternalIP')?.address;
      return {
        kind: 'Node',
        ...identified,
        addresses: all,
        ip: (internal === undefined ? undefined : canonicalAddress(internal)) ?? all[0],
        podRanges: podCIDRs.length === 0 && podCIDR !== undefined ? [podCIDR] : podCIDRs,
        providerId: providerID,
        fromMs: createdMs,
      };
    }),
  };
}

const ports = list(object({ protocol: text, port: number, nodePort: number }));
const portsOf = (found: readonly Partial<ServicePort>[] = []): readonly ServicePort[] =>
  found.flatMap(({ protocol = 'TCP', port, nodePort = 0 }) =>
    port === undefined ? [] : [{ protocol, port, nodePort }],
  );

export const serviceResource: Resource<ServiceRecord> = (() => {
  const shape = object({
    metadata: object(metadataOf({ labels: () => false, annotations: () => false })),
    spec: object({ type: text, clusterIP: text, clusterIPs: list(text), externalIPs: list(text), ports }),
    status: object({ loadBalancer: object({ ingress: ips }) }),
    ...statusFields,
  });
  type Service = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'services',
    group: '',
    path: '/api/v1/services',
    object: parsing(shape, (raw: Service, { uid, name, namespace, createdMs }) => {
      const { type = 'ClusterIP', clusterIP = '', clusterIPs = [], externalIPs = [], ports: found } = raw.spec ?? {};
      const balanced = ipTexts(raw.status?.loadBalancer?.ingress);
      return {
        kind: 'Service',
        uid,
        name,
        namespace,
        type,
        headless: clusterIP === 'None',
        addresses: canonicalAddresses([clusterIP, ...clusterIPs, ...externalIPs, ...balanced]),
        ports: portsOf(found),
        fromMs: createdMs,
      };
    }),
  };
})();

export const sliceResource: Resource<SliceRecord> = (() => {
  const shape = object({
    metadata: object(metadataOf({ labels: (key) => key === SERVICE_LABEL, annotations: () => false })),
    endpoints: list(object({ addresses: list(text) })),
    ports,
    ...statusFields,
  });
  type Slice = NonNullable<ReturnType<typeof shape>>;
  return {
    name: 'endpointslices',
    group: 'discovery.k8s.io',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    object: parsing(shape, (raw: Slice, { uid, name, namespace, labels, createdMs }) => ({
      kind: 'EndpointSlice',
      uid,
      name,
      namespace,
      service: labels[SERVICE_LABEL] ?? '',
      // A slice of names (addressType FQDN) has none.
      addresses: canonicalAddresses((raw.endpoints ?? []).flatMap(({ addresses = [] }) => addresses)),
      ports: portsOf(raw.ports),
      fromMs: createdMs,
    })),
  };
})();

export function namespaceResource(keys: KeptKeys): Resource<NamespaceRecord> {
  const shape = object({ metadata: object(metadataOf(keys)), ...statusFields });
  return {
    name: 'namespaces',
    group: '',
    path: '/api/v1/namespaces',
    object: parsing(shape, (_raw: Raw, { createdMs, ...identified }) => ({
      kind: 'Namespace',
      ...identified,
      addresses: [],
      fromMs: createdMs,
    })),
  };
}
