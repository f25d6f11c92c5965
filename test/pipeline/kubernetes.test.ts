/** Tables of a receiver through a whole pipeline that names both ends from a cluster: points out. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pointsOf } from '../../core/table/testing.ts';
import { type KubernetesApi, openKubernetesApi } from '../support/kubernetes-api.ts';
import { shop } from '../support/kubernetes-flows.ts';
import { pod } from '../support/kubernetes-objects.ts';
import { startNameServer } from '../support/name-server.ts';
import { startTablePipeline } from '../support/table-pipeline.ts';
import { until } from '../support/until.ts';

async function openCluster(t: ExecutionContext): Promise<{ readonly api: KubernetesApi; readonly kubeconfig: string }> {
  const api = await openKubernetesApi();
  t.teardown(() => api.close());
  for (const object of shop) api.put(object);
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-kubeconfig-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const kubeconfig = path.join(folder, 'config');
  const config = {
    'current-context': 'main',
    clusters: [{ name: 'main', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'main', user: { token: 'secret' } }],
    contexts: [{ name: 'main', context: { cluster: 'main', user: 'main' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return { api, kubeconfig };
}

const block = (kubeconfig: string, more = '') =>
  `k8s_attributes: {auth_type: kubeConfig, kube_config_path: ${kubeconfig}, flow: {cluster_name: main}${more}}`;

const toPod = { src: '10.244.1.5', dst: '10.244.2.7', bytes: 100, packets: 2 };
const toWorld = { src: '10.244.1.5', dst: '8.8.8.8', bytes: 7, packets: 1 };

test('with Kubernetes the default selection shows cluster, namespaces and owners, and zones come from the same store', async (t) => {
  const { api, kubeconfig } = await openCluster(t);
  const processors = `{${block(kubeconfig)}, zone: , attribute_select: }`;
  const { points } = await startTablePipeline(t, processors, 'k8s_attributes, zone, attribute_select');
  const metrics = points([toPod, toWorld]);
  const source = {
    'k8s.src.namespace': 'web',
    'k8s.src.owner.name': 'client',
    'k8s.src.owner.type': 'Pod',
    'k8s.cluster.name': 'main',
    direction: 'request',
  };
  const destination = {
    'k8s.dst.namespace': 'shop',
    'k8s.dst.owner.name': 'cart',
    'k8s.dst.owner.type': 'Deployment',
  };
  const key = (attributes: object) => JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
  t.deepEqual(
    metrics.get('beyla.network.flow.bytes'),
    new Map([
      [key({ ...source, ...destination }), 100],
      [key(source), 7],
    ]),
  );
  t.deepEqual(
    metrics.get('beyla.network.inter.zone.bytes'),
    new Map([[key({ 'k8s.cluster.name': 'main', 'src.zone': 'zone-1', 'dst.zone': 'zone-2' }), 100]]),
  );
  t.is(api.requests.filter(({ verb, resource }) => verb === 'list' && resource === 'pods').length, 1);
});

test('names are those of Kubernetes, and only what it does not know is asked of the name server', async (t) => {
  const { kubeconfig } = await openCluster(t);
  const server = await startNameServer((address) => ({ names: [`name-of-${address}`] }));
  t.teardown(server.close);
  const select = `attribute_select: {select: {'*': {include: [src.name, dst.name]}}}`;
  const processors = `{${block(kubeconfig)}, reverse_dns: {servers: ['${server.address}']}, filter: {network: {transport: {not_match: UDP}}}, ${select}}`;
  const list = 'k8s_attributes, filter, reverse_dns, attribute_select';
  const { points } = await startTablePipeline(t, processors, list);
  const udp = { ...toPod, protocol: 17 };
  const named = () => [...points([udp, toPod, toWorld]).get('beyla.network.flow.bytes')!.keys()].sort();
  await until('the name is known', () => named().some((key) => key.includes('name-of')));
  t.deepEqual(named(), [
    '[["dst.name","cart-5d78c-x2x"],["src.name","client"]]',
    '[["dst.name","name-of-8.8.8.8"],["src.name","client"]]',
  ]);
  t.deepEqual([...new Set(server.asked)], ['8.8.8.8']);
});

test('flows of a pod that is not known yet arrive named, in their own window, though no table follows', async (t) => {
  const { api, kubeconfig } = await openCluster(t);
  const select = `attribute_select: {select: {'*': {include: [dst.name, dst.zone]}}}`;
  const processors = `{${block(kubeconfig)}, zone: , ${select}}`;
  const { consume, exported } = await startTablePipeline(t, processors, 'k8s_attributes, zone, attribute_select');
  const notTaken = consume([toPod, { ...toPod, dst: '10.244.2.9', bytes: 20 }]);
  t.deepEqual([...notTaken!.held!.places], [1]);
  const [first] = exported;
  let gone = false;
  notTaken?.held?.onGone(() => {
    gone = true;
  });
  api.put(pod({ name: 'late', namespace: 'shop', node: 'node-b', ips: ['10.244.2.9'], hostIps: ['192.168.1.2'] }));
  await until('they have gone', () => gone);
  const bytes = exported.filter(({ metric }) => metric.name === 'beyla.network.flow.bytes');
  t.deepEqual(
    bytes.map((table) => [...pointsOf(table)]),
    [
      [['[["dst.name","cart-5d78c-x2x"],["dst.zone","zone-2"]]', 100]],
      [['[["dst.name","late"],["dst.zone","zone-2"]]', 20]],
    ],
  );
  t.is(bytes[1]!.endNs, first!.endNs);
});

test('an API that forbids everything delays nothing, and the log has the ClusterRole to apply', async (t) => {
  const { api, kubeconfig } = await openCluster(t);
  for (const resource of ['pods', 'nodes', 'services', 'endpointslices']) api.forbidden.add(resource);
  const { points, log } = await startTablePipeline(t, `{${block(kubeconfig)}}`, 'k8s_attributes');
  t.is(points([toPod]).get('beyla.network.flow.bytes')?.size, 1);
  t.true(log.some((line) => line.includes('kind: ClusterRole') && line.includes('[get, list, watch]')));
});

test('a kubeconfig that is not there stops the start and says what to check', async (t) => {
  const start = startTablePipeline(t, `{${block('/nowhere/config')}}`, 'k8s_attributes');
  const error = await t.throwsAsync(start);
  t.regex(error.message, /kubeconfig: .*nowhere/);
});

test('attributes of labels can be selected and filtered by, before the processor that brings them and in every spelling', async (t) => {
  const { kubeconfig } = await openCluster(t);
  const labels = ', extract: {labels: [{tag_name: team, key: team}, {key: app.kubernetes.io/name}]}';
  const select = `attribute_select: {select: {'*': {include: [destination.team, 'k8s.*.labels.*', src.name]}}}`;
  const filter = 'filter: {network: {dst_team: {match: b*}}}';
  const processors = `{${select}, ${filter}, ${block(kubeconfig, labels)}}`;
  const { points } = await startTablePipeline(t, processors, 'k8s_attributes, filter, attribute_select');
  t.deepEqual(
    [...points([toPod, toWorld]).get('beyla.network.flow.bytes')!],
    [['[["dst.team","baskets"],["k8s.dst.pod.labels.app.kubernetes.io/name","cart"],["src.name","client"]]', 100]],
  );
  const misspelt = `{${block(kubeconfig, labels)}, attribute_select: {select: {'*': {include: [dst.tem]}}}}`;
  const error = await t.throwsAsync(startTablePipeline(t, misspelt, 'k8s_attributes, attribute_select'));
  t.regex(
    (error as unknown as AggregateError).errors[0].report(),
    /unknown attribute "dst.tem"\n.*did you mean 'dst.team'/,
  );
});
