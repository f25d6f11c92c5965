/** For tests: a processor on a store that follows a small server, and what it says of flows. */

import type { ExecutionContext } from 'ava';
import type { Processor } from '../../core/component/define.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { createTestFlows, type TestFlow, valuesOf } from '../../core/table/testing.ts';
import k8sAttributes, { createK8sAttributes } from '../../processors/k8s_attributes/index.ts';
import type { Surroundings } from '../../processors/k8s_attributes/presence.ts';
import { wishOf } from '../../processors/k8s_attributes/wish.ts';
import { configOf } from './component-config.ts';
import { type KubernetesApi, openKubernetesApi } from './kubernetes-api.ts';
import { followCluster } from './kubernetes-harness.ts';
import { type KubernetesObject, node, pod, service, slice } from './kubernetes-objects.ts';
import { createManualClock } from './manual-clock.ts';
import { createRecordingHost } from './recording-host.ts';
import { until } from './until.ts';

const nowhere = 'http://127.0.0.1:1';

/** Two nodes in two zones, a Deployment behind a Service on the second. */
export const shop: readonly KubernetesObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'a8f5' } },
  node({ name: 'node-a', ips: ['192.168.1.1', 'fd00:1::1'], labels: { 'topology.kubernetes.io/zone': 'zone-1' } }),
  node({ name: 'node-b', ips: ['192.168.1.2'], labels: { 'topology.kubernetes.io/zone': 'zone-2' } }),
  pod({
    name: 'client',
    namespace: 'web',
    node: 'node-a',
    ips: ['10.244.1.5', 'fd00:10::5'],
    hostIps: ['192.168.1.1'],
  }),
  pod({
    name: 'cart-5d78c-x2x',
    namespace: 'shop',
    node: 'node-b',
    ips: ['10.244.2.7'],
    hostIps: ['192.168.1.2'],
    owner: { kind: 'ReplicaSet', name: 'cart-5d78c' },
    labels: { 'pod-template-hash': '5d78c', team: 'baskets', 'app.kubernetes.io/name': 'cart' },
    annotations: { 'cost-center': '42' },
  }),
  service({
    name: 'cart',
    namespace: 'shop',
    type: 'LoadBalancer',
    clusterIps: ['10.96.0.10'],
    externalIps: ['203.0.113.9'],
    ingress: ['198.51.100.20'],
    ports: [{ port: 80, nodePort: 30_080 }],
  }),
  slice({ name: 'cart-1', namespace: 'shop', service: 'cart', addresses: ['10.244.2.7'], port: 8080 }),
];

export interface SetUpOptions {
  readonly objects?: readonly KubernetesObject[];
  readonly surroundings?: Partial<Surroundings>;
}

export async function setUp(
  t: ExecutionContext,
  block: object = {},
  { objects = shop, surroundings }: SetUpOptions = {},
) {
  const api = await openKubernetesApi();
  for (const object of objects) api.put(object);
  const clock = createManualClock(BigInt(Date.now()) * 1_000_000n);
  const host = createRecordingHost('k8s_attributes', clock);
  const config = configOf(k8sAttributes, block);
  const environment = { NODE_NAME: 'node-a', ...surroundings?.environment };
  const followed = followCluster({ url: api.url, scope: wishOf(config, environment).scope });
  const stores = { request: () => ({ start: async () => followed.store, stop: async () => {}, isAlone: false }) };
  const servers = { aws: nowhere, gcp: nowhere, azure: nowhere };
  const processor = createK8sAttributes(config, host, {
    addresses: () => [],
    servers,
    ...surroundings,
    environment,
    stores,
  });
  await followed.store.health.waitForSync(60_000);
  await processor.start?.();
  t.teardown(async () => {
    await processor.stop?.();
    await followed.stop();
    await api.close();
  });
  const tables = createTestFlows();
  const nowNs = () => clock.nowNs();
  const table = (flows: readonly TestFlow[], endNs = nowNs()) =>
    tables(flows, { startNs: endNs - 5_000_000_000n, endNs });
  return { api, clock, host, processor, store: followed.store, table, ...reading(processor, table) };
}

function reading(processor: Processor, table: (flows: readonly TestFlow[]) => FlowTable) {
  const out = (flows: readonly TestFlow[]) => processor.flows!(table(flows));
  return {
    out,
    /** The values of each attribute over the rows that go on. */
    values(flows: readonly TestFlow[], ...attributes: readonly string[]) {
      const tables = out(flows).filter((one) => one.kind === 'flows');
      return attributes.map((attribute) => tables.flatMap((one) => valuesOf(one, attribute)));
    },
  };
}

/** Changes the cluster and waits until the store has heard. */
export async function change(api: KubernetesApi, apply: (api: KubernetesApi) => void, known: () => boolean) {
  apply(api);
  await until('the store knows', known);
}
