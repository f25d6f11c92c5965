/** For tests: data with one identity through a processor, and what its resource says then. */

import type { ExecutionContext } from 'ava';
import { partProto } from '../../core/otlp/part-proto.ts';
import { resourceMetricsBodies } from '../../core/otlp/resource-metrics-bodies.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { everyKind, protobufOf } from './every-kind.ts';
import { setUp, shop } from './kubernetes-flows.ts';
import { type KubernetesObject, pod } from './kubernetes-objects.ts';
import { decodeRequest } from './otlp-protos.ts';

/** Metrics of every kind, with these attributes on their resource. */
export const arriving = (attributes: Readonly<Record<string, string>>, sender?: string): ResourceMetricsTable =>
  partProto(protobufOf(everyKind(attributes)), sender).others[0]!;

/** The attributes of the resource as another decoder reads them from what leaves. */
export function resourceOf(table: ResourceMetricsTable): Record<string, unknown> {
  const [body] = [...resourceMetricsBodies([table], 1_000_000, () => undefined)];
  const [entry] = decodeRequest(body!.body).resourceMetrics;
  return Object.fromEntries(entry!.resource.attributes.map(({ key, value }) => [key, valueOfAny(value)]));
}

function valueOfAny(value: object): unknown {
  const { stringValue, arrayValue } = value as {
    readonly stringValue?: string;
    readonly arrayValue?: { readonly values: readonly object[] };
  };
  return arrayValue ? arrayValue.values.map(valueOfAny) : stringValue;
}

/** When the pods of the shop were. */
export const created = '2026-11-01T08:30:00Z';

/** With uids of the test's own, and a pod of each kind. */
const objects: readonly KubernetesObject[] = [
  ...shop.filter(({ kind }) => kind !== 'Pod'),
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { stage: 'prod' } } },
  ...shop
    .filter(({ kind }) => kind === 'Pod')
    .map((one) => ({
      ...one,
      metadata: { ...one.metadata, uid: `uid-${one.metadata.name}`, creationTimestamp: created },
    })),
  {
    ...pod({
      name: 'host',
      namespace: 'web',
      node: 'node-a',
      ips: ['192.168.1.1'],
      hostIps: ['192.168.1.1'],
      hostNetwork: true,
    }),
    metadata: { name: 'host', namespace: 'web', uid: 'uid-host', creationTimestamp: created },
  },
  pod({ name: 'jaeger-agent-1', ips: ['10.244.1.8'] }),
  pod({ name: 'shy', ips: ['10.244.1.9'], annotations: { 'opentelemetry.io/k8s-processor/ignore': ' True' } }),
];

/** The cluster with these objects as well, and what a resource says behind the processor. */
export async function setUpOneIdentity(
  t: ExecutionContext,
  block: object = {},
  more: readonly KubernetesObject[] = [],
) {
  const cluster = await setUp(t, block, { objects: [...objects, ...more] });
  const out = (attributes: Readonly<Record<string, string>>, sender?: string) =>
    resourceOf(cluster.processor.resourceMetrics!(arriving(attributes, sender)));
  return { ...cluster, out };
}
