import test, { type ExecutionContext } from 'ava';
import { WHOLE_CLUSTER } from '../../core/kubernetes/scope.ts';
import { createSharedStores } from '../../core/kubernetes/shared-stores.ts';
import { followCluster } from '../support/kubernetes-harness.ts';
import { type KubernetesObject, node, pod, podStatus, service, slice } from '../support/kubernetes-objects.ts';
import { createRecordingHost } from '../support/recording-host.ts';
import { openAccount } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { applyLogged, openServiceAccount } from './accounts.ts';
import { type ApiServer, startApiServer } from './api-server.ts';

let api: ApiServer;
test.before(async () => {
  api = await startApiServer();
});
test.after.always(() => api?.stop());

const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

/** A store that follows the server as its administrator and has listed it. */
async function follow(t: ExecutionContext) {
  const headers = () => ({ authorization: `Bearer ${api.adminToken}` });
  const followed = followCluster({ url: api.url, headers, tls: { ca: api.ca() } });
  t.teardown(() => followed.stop());
  t.is(await followed.store.health.waitForSync(30_000), 'synced');
  const { store } = followed;
  const nameAt = (address: string, timeMs = Date.now()) => store.identityAt(address, timeMs)?.name;
  const dialled = (address: string, port: number) => store.serviceAt(address, port, 'TCP', Date.now())?.name;
  const becomes = (address: string, name: string | undefined) =>
    until(`${address} is ${name}`, () => nameAt(address) === name);
  return { ...followed, nameAt, dialled, becomes };
}

/** What the server gave a Service, which it chooses itself. */
const clusterIps = ({ spec }: KubernetesObject) => (spec as { readonly clusterIPs: readonly string[] }).clusterIPs;

test('a pod that is created while it is watched has owner, node and zone', async (t) => {
  const { store, becomes } = await follow(t);
  await api.create(node({ name: 'node-a', ips: ['192.168.1.1'], labels: { 'topology.kubernetes.io/zone': 'zone-1' } }));
  await api.create(
    pod({
      name: 'web-5d78c-x2x',
      node: 'node-a',
      ips: ['10.244.1.5', 'fd00:1::5'],
      hostIps: ['192.168.1.1'],
      owner: { kind: 'ReplicaSet', name: 'web-5d78c' },
      labels: { 'pod-template-hash': '5d78c' },
    }),
  );
  await becomes('fd00:1::5', 'web-5d78c-x2x');
  const identity = store.identityAt('10.244.1.5', Date.now());
  t.deepEqual(identity?.owner, { kind: 'Deployment', name: 'web' });
  t.is(identity?.node?.name, 'node-a');
  t.is(identity?.node?.ip, '192.168.1.1');
  t.is(identity?.node?.labels['topology.kubernetes.io/zone'], 'zone-1');
  // The server itself writes the zone onto a pod as a label; it must not become a label that somebody asked for.
  t.deepEqual(identity?.pod?.labels, {});
});

test('an address that is used again goes to the right pod by time, also for a store that comes later', async (t) => {
  const early = await follow(t);
  const first = pod({ name: 'first', node: 'node-r', ips: ['10.244.2.5'], readyAt: secondsAgo(90) });
  await api.create(first);
  await early.becomes('10.244.2.5', 'first');
  await api.setStatus(
    first,
    podStatus({ ips: ['10.244.2.5'], phase: 'Succeeded', readyAt: secondsAgo(90), finishedAt: secondsAgo(60) }),
  );
  await until('its end is known', () => early.store.podByName('default', 'first')?.endedMs !== undefined);
  await api.create(pod({ name: 'second', node: 'node-r', ips: ['10.244.2.5'], readyAt: secondsAgo(30) }));
  await early.becomes('10.244.2.5', 'second');
  const late = await follow(t);
  for (const { nameAt } of [late, early]) t.is(nameAt('10.244.2.5', Date.now() - 70_000), 'first');
  t.is(late.nameAt('10.244.2.5', Date.now() - 20_000), 'second');
  await api.delete(pod({ name: 'second' }));
  await until('its deletion is known', () => late.store.podByName('default', 'second') === undefined);
  t.is(late.nameAt('10.244.2.5'), 'second', 'what was deleted is found for a while');
});

test('a completed job gives its address back, and belongs to its CronJob', async (t) => {
  const { store, nameAt } = await follow(t);
  const job = `backup-${Math.floor(Date.now() / 60_000)}`;
  const done = { phase: 'Succeeded', readyAt: secondsAgo(50), finishedAt: secondsAgo(40) } as const;
  await api.create(
    pod({ name: 'backup-1', node: 'node-j', ips: ['10.244.3.5'], owner: { kind: 'Job', name: job }, ...done }),
  );
  await until('it is known', () => store.podByName('default', 'backup-1')?.endedMs !== undefined);
  t.deepEqual(store.identityAt('10.244.3.5', Date.now() - 45_000)?.owner, { kind: 'CronJob', name: 'backup' });
  t.is(nameAt('10.244.3.5', Date.now() + 120_000), undefined);
});

test('a dual-stack pod on the host network leaves both addresses to its node', async (t) => {
  const { store, becomes, nameAt } = await follow(t);
  const hostIps = ['192.168.4.1', 'fd00:4::1'];
  await api.create(node({ name: 'node-h', ips: hostIps, podCidrs: ['10.244.4.0/24', 'fd00:44::/64'] }));
  await api.create(
    pod({
      name: 'agent',
      node: 'node-h',
      ips: hostIps,
      hostIps,
      hostNetwork: true,
      owner: { kind: 'DaemonSet', name: 'weir' },
    }),
  );
  await becomes('fd00:4::1', 'node-h');
  const nodes = () => [...store.nodesOf('default', { kind: 'DaemonSet', name: 'weir' })];
  await until('the pod is known', () => nodes().length === 1);
  t.deepEqual(nodes(), ['node-h']);
  t.is(nameAt('192.168.4.1'), 'node-h');
  t.true(store.podRanges().includes('fd00:44::/64'));
  const { uid } = (await api.request('GET', 'api/v1/namespaces/kube-system')).metadata;
  t.is(await store.clusterUid(AbortSignal.timeout(30_000)), uid!);
});

test('Services are found by cluster address, load balancer address and node port', async (t) => {
  const { store, becomes, dialled } = await follow(t);
  await api.create(node({ name: 'node-s', ips: ['192.168.5.1'] }));
  const front = service({
    name: 'front',
    type: 'LoadBalancer',
    ingress: ['203.0.113.5'],
    ports: [{ port: 80, nodePort: 30_080 }],
  });
  await api.create(front);
  const [clusterIp] = clusterIps(await api.request('GET', 'api/v1/namespaces/default/services/front'));
  await becomes('203.0.113.5', 'front');
  await becomes('192.168.5.1', 'node-s');
  t.is(store.identityAt(clusterIp!, Date.now())?.kind, 'Service');
  t.is(dialled(clusterIp!, 80), 'front');
  t.is(dialled('203.0.113.5', 80), 'front');
  t.is(dialled('192.168.5.1', 30_080), 'front');
  t.is(dialled('192.168.5.1', 30_081), undefined);
});

test('a pod behind a headless Service keeps its name and has the Service', async (t) => {
  const { becomes, dialled, nameAt } = await follow(t);
  await api.create(service({ name: 'db', clusterIps: ['None'], ports: [{ port: 5432 }] }));
  await api.create(
    pod({ name: 'db-0', node: 'node-d', ips: ['10.244.6.5'], owner: { kind: 'StatefulSet', name: 'db' } }),
  );
  await api.create(slice({ name: 'db-1', service: 'db', addresses: ['10.244.6.5', '172.20.6.6'], port: 5432 }));
  await becomes('172.20.6.6', 'db');
  await becomes('10.244.6.5', 'db-0');
  t.is(dialled('10.244.6.5', 5432), 'db');
  t.is(nameAt('10.244.6.5'), 'db-0');
});

test('a service account without permission is told what to apply, and a token that was renewed is taken', async (t) => {
  const tokens = await openServiceAccount(api, 'weir');
  const account = openAccount(api.ca(), await tokens.next());
  t.teardown(account.remove);

  const host = createRecordingHost('k8s_attributes');
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
  const stores = createSharedStores({ serviceAccountFolder: account.folder, environment });
  const connection = { authType: 'autodetect', kubeConfigPath: '', context: '' } as const;
  const lease = stores.request({ connection, scope: WHOLE_CLUSTER }, host);
  t.teardown(() => lease.stop());
  const store = (await lease.start())!;
  t.is(await store.health.waitForSync(30_000), 'incomplete');
  t.is(store.health.forbidden.size, 4);
  const report = host.log.find(({ level }) => level === 'error')?.message ?? '';
  t.regex(report, /may not list \w+.*system:serviceaccount:default:weir/);

  await applyLogged(api, report);
  await until('all may be read', () => store.health.forbidden.size === 0);
  t.is(await store.health.waitForSync(30_000), 'synced');
  t.truthy(await store.clusterUid(AbortSignal.timeout(30_000)), 'and what tells the cluster from others');

  const nameAt = (address: string) => store.identityAt(address, Date.now())?.name;
  account.renew(await tokens.next());
  await api.create(pod({ name: 'after-rotation', node: 'node-t', ips: ['10.244.7.5'] }));
  await until('events come', () => nameAt('10.244.7.5') === 'after-rotation');
});
