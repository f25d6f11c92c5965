import test, { type ExecutionContext } from 'ava';
import { type KubernetesApi, openKubernetesApi } from '../../test/support/kubernetes-api.ts';
import { type FollowOptions, followCluster } from '../../test/support/kubernetes-harness.ts';
import { node, pod, service, slice } from '../../test/support/kubernetes-objects.ts';
import { until } from '../../test/support/until.ts';
import { parseAddress } from '../table/address.ts';

const isoAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

/** A server with what `fill` puts into it, and a store that has listed it. */
async function open(
  t: ExecutionContext,
  fill: (api: KubernetesApi) => void = () => {},
  options: Partial<FollowOptions> = {},
) {
  const api = await openKubernetesApi();
  t.teardown(() => api.close());
  fill(api);
  const followed = followCluster({ url: api.url, ...options });
  t.teardown(() => followed.stop());
  t.is(await followed.store.health.waitForSync(30_000), 'synced');
  await until('everything is watched', () => api.watches >= 4);
  const { store } = followed;
  const nameAt = (address: string, timeMs = Date.now()) => store.identityAt(address, timeMs)?.name;
  return { api, ...followed, nameAt };
}

test('a pod is found by every address of it, with its owner and node', async (t) => {
  const { store } = await open(t, (api) => {
    api.put(node({ name: 'node-a', ips: ['192.168.0.10'], labels: { 'topology.kubernetes.io/zone': 'zone-1' } }));
    api.put(
      pod({
        name: 'web-5d78c-x2x',
        namespace: 'shop',
        node: 'node-a',
        hostIps: ['192.168.0.10'],
        ips: ['10.244.0.5', 'FD00:0:0::5'],
        owner: { kind: 'ReplicaSet', name: 'web-5d78c' },
        labels: { 'pod-template-hash': '5d78c', app: 'web' },
      }),
    );
  });
  for (const address of ['10.244.0.5', 'fd00::5', parseAddress('10.244.0.5')!, parseAddress('fd00::5')!]) {
    const { pod: record, uid, ...identity } = store.identityAt(address, Date.now())!;
    t.deepEqual(identity, {
      kind: 'Pod',
      name: 'web-5d78c-x2x',
      namespace: 'shop',
      owner: { kind: 'Deployment', name: 'web' },
      node: { name: 'node-a', ip: '192.168.0.10', labels: { 'topology.kubernetes.io/zone': 'zone-1' } },
    });
    t.deepEqual(record?.labels, {}, 'labels that nobody asked for are not kept');
    t.is(store.podByUid(uid)?.name, 'web-5d78c-x2x');
  }
  t.is(store.identityAt('10.244.0.6', Date.now()), undefined);
  t.is(store.identityAt('no address', Date.now()), undefined);
});

test('labels and annotations are kept where they are asked for', async (t) => {
  const keys = { keys: ['app'], patterns: ['team/.*'] };
  const keep = {
    podDetails: false,
    pods: { labels: keys, annotations: keys },
    nodes: { annotations: keys },
    namespaces: { labels: keys, annotations: keys },
  };
  const texts = { app: 'web', 'team/name': 'one', other: 'x', 'not-team/name': 'y' };
  const { store } = await open(
    t,
    (api) => {
      api.put(pod({ name: 'web', ips: ['10.244.0.5'], labels: texts, annotations: texts }));
      api.put({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'default', labels: texts, annotations: texts },
      });
    },
    { scope: { keep } },
  );
  const kept = { app: 'web', 'team/name': 'one' };
  const found = store.identityAt('10.244.0.5', Date.now())?.pod;
  t.deepEqual([found?.labels, found?.annotations], [kept, kept]);
  const namespace = store.namespace('default');
  t.deepEqual([namespace?.labels, namespace?.annotations], [kept, kept]);
});

test('a host-network pod claims no address of its node, in either family', async (t) => {
  const { nameAt, store } = await open(t, (api) => {
    const hostIps = ['192.168.0.10', 'fd01::10'];
    api.put(node({ name: 'node-a', ips: hostIps }));
    api.put(
      pod({
        name: 'agent',
        node: 'node-a',
        hostIps,
        ips: hostIps,
        hostNetwork: true,
        owner: { kind: 'DaemonSet', name: 'weir' },
      }),
    );
    // An old kubelet names only the primary address of the host.
    api.put(pod({ name: 'old', node: 'node-a', hostIps: ['192.168.0.10'], ips: hostIps, hostNetwork: true }));
  });
  t.is(nameAt('192.168.0.10'), 'node-a');
  t.is(nameAt('fd01::10'), 'node-a');
  t.deepEqual([...store.nodesOf('default', { kind: 'DaemonSet', name: 'weir' })], ['node-a']);
});

test('an address that was used again goes to the right pod by the time of the flow', async (t) => {
  const { api, nameAt } = await open(t, (api) => {
    const finished = { phase: 'Succeeded', readyAt: isoAgo(100), finishedAt: isoAgo(60) } as const;
    api.put(pod({ name: 'first', ips: ['10.244.0.5'], ...finished }));
    api.put(pod({ name: 'second', ips: ['10.244.0.5'], readyAt: isoAgo(30) }));
  });
  t.is(nameAt('10.244.0.5', Date.now() - 80_000), 'first');
  t.is(nameAt('10.244.0.5', Date.now() - 50_000), 'first', 'the end of its traffic');
  t.is(nameAt('10.244.0.5', Date.now() - 20_000), 'second');
  t.is(nameAt('10.244.0.5'), 'second');
  api.delete(pod({ name: 'second' }));
  api.put(pod({ name: 'third', ips: ['10.244.0.5'] }));
  await until('the third has it', () => nameAt('10.244.0.5', Date.now() + 1000) === 'third');
  t.is(nameAt('10.244.0.5', Date.now() - 20_000), 'second', 'although it is deleted');
});

test('a job that completes while it is watched gives its address back', async (t) => {
  const running = pod({ name: 'import', ips: ['10.244.0.5'], readyAt: isoAgo(60) });
  const { api, nameAt, store } = await open(t, (api) => void api.put(running));
  api.put(pod({ name: 'import', ips: ['10.244.0.5'], readyAt: isoAgo(60), phase: 'Failed', finishedAt: isoAgo(5) }));
  await until('the end is known', () => store.podByName('default', 'import')?.endedMs !== undefined);
  t.is(nameAt('10.244.0.5', Date.now() - 10_000), 'import');
  t.is(nameAt('10.244.0.5', Date.now() + 121_000), undefined);
});

test('a Service is found by its cluster, external and load balancer addresses', async (t) => {
  const { store } = await open(t, (api) => {
    api.put(
      service({
        name: 'front',
        namespace: 'shop',
        type: 'LoadBalancer',
        clusterIps: ['10.96.0.10', 'fd00:96::10'],
        externalIps: ['198.51.100.7'],
        ingress: ['203.0.113.5'],
      }),
    );
  });
  for (const address of ['10.96.0.10', 'fd00:96::10', '198.51.100.7', '203.0.113.5']) {
    const identity = store.identityAt(address, Date.now());
    t.deepEqual([identity?.kind, identity?.owner], ['Service', { kind: 'Service', name: 'front' }]);
    t.deepEqual(store.serviceAt(address, 80, 'TCP', Date.now()), { namespace: 'shop', name: 'front' });
  }
});

test('a node port is its Service on every node, and a load balancer on the node only on its ports', async (t) => {
  const { api, store, nameAt } = await open(t, (api) => {
    api.put(node({ name: 'node-a', ips: ['192.168.0.10'] }));
    const port = { port: 80, nodePort: 30_080 };
    api.put(
      service({
        name: 'front',
        type: 'LoadBalancer',
        clusterIps: ['10.96.0.10'],
        ingress: ['192.168.0.10'],
        ports: [port],
      }),
    );
  });
  const dialled = (port: number, protocol = 'TCP') => store.serviceAt('192.168.0.10', port, protocol, Date.now())?.name;
  t.is(nameAt('192.168.0.10'), 'node-a');
  t.is(dialled(30_080), 'front');
  t.is(dialled(80), 'front');
  t.is(dialled(22), undefined);
  t.is(dialled(30_080, 'UDP'), undefined);
  api.delete(service({ name: 'front' }));
  const later = () => store.serviceAt('192.168.0.10', 30_080, 'TCP', Date.now() + 121_000);
  await until('the Service is gone', () => later() === undefined);
  t.is(dialled(30_080), 'front', 'flows of a moment ago still find it');
});

test('a pod that was dialled through a headless Service has it, one behind a cluster address has not', async (t) => {
  const { store } = await open(t, (api) => {
    for (const name of ['db-0', 'db-1']) api.put(pod({ name, ips: [`10.244.0.${name.at(-1)}`] }));
    api.put(service({ name: 'db-headless', clusterIps: ['None'], ports: [{ port: 5432 }] }));
    api.put(service({ name: 'db', clusterIps: ['10.96.0.11'], ports: [{ port: 5432 }] }));
    const addresses = ['10.244.0.0', '10.244.0.1'];
    api.put(slice({ name: 'db-headless-x', service: 'db-headless', addresses, port: 5432 }));
    api.put(slice({ name: 'db-x', service: 'db', addresses, port: 5432 }));
  });
  const dialled = (port: number) => store.serviceAt('10.244.0.1', port, 'TCP', Date.now())?.name;
  t.is(store.identityAt('10.244.0.1', Date.now())?.name, 'db-1');
  t.is(dialled(5432), 'db-headless');
  t.is(dialled(22), undefined);
});

test('an address that only an EndpointSlice names is its Service', async (t) => {
  const { store, nameAt } = await open(t, (api) => {
    api.put(service({ name: 'legacy-db', clusterIps: ['10.96.0.12'] }));
    api.put(slice({ name: 'legacy-db-1', service: 'legacy-db', addresses: ['172.20.1.1'] }));
  });
  t.is(nameAt('172.20.1.1'), 'legacy-db');
  t.is(store.identityAt('172.20.1.1', Date.now())?.kind, 'Service');
});

test('readers hear of the addresses that stand for something else, and of no others', async (t) => {
  const { api, store, nameAt } = await open(t, (api) => {
    api.put(node({ name: 'node-a', ips: ['192.168.0.10'] }));
    api.put(pod({ name: 'web', node: 'node-a', ips: ['10.244.0.5'] }));
    api.put(pod({ name: 'elsewhere', ips: ['10.244.0.6'] }));
  });
  const feed = store.openChanges();
  t.true(feed.take().all, 'at first anything may be new');
  const heard = new Set<string>();
  const hears = (address: string) => () => {
    for (const each of feed.take().addresses) heard.add(each);
    return heard.has(address);
  };
  api.put(pod({ name: 'web', node: 'node-a', ips: ['10.244.0.5'] }));
  api.put(pod({ name: 'new', ips: ['10.244.0.7'] }));
  await until('the new pod is known', hears('10.244.0.7'));
  t.deepEqual([...heard], ['10.244.0.7'], 'an update that changes nothing of use is not told');
  api.put(node({ name: 'node-a', ips: ['192.168.0.10'], labels: { 'topology.kubernetes.io/zone': 'zone-2' } }));
  await until('the zone is known', hears('10.244.0.5'));
  t.deepEqual([...heard].sort(), ['10.244.0.5', '10.244.0.7', '192.168.0.10']);
  t.is(store.identityAt('10.244.0.5', Date.now())?.node?.labels['topology.kubernetes.io/zone'], 'zone-2');
  api.delete(pod({ name: 'elsewhere' }));
  await until('the end is known', hears('10.244.0.6'));
  t.is(nameAt('10.244.0.6'), 'elsewhere', 'what was deleted stays a while');
  feed.close();
});

test('the ranges of the nodes, and only the local node where that is wished', async (t) => {
  const fill = (api: KubernetesApi) => {
    api.put(node({ name: 'node-a', ips: ['192.168.0.10'], podCidrs: ['10.244.0.0/24', 'fd00:1::/64'] }));
    api.put(node({ name: 'node-b', ips: ['192.168.0.11'], podCidrs: ['10.244.1.0/24'] }));
  };
  const { store } = await open(t, fill);
  t.deepEqual(store.podRanges(), ['10.244.0.0/24', 'fd00:1::/64', '10.244.1.0/24']);
  const { api } = await open(t, fill, { scope: { localNode: 'node-a' } });
  const selectors = new Map(api.requests.map(({ resource, query }) => [resource, query.get('fieldSelector')]));
  t.is(selectors.get('pods'), 'spec.nodeName=node-a');
  t.is(selectors.get('nodes'), 'metadata.name=node-a');
  t.is(selectors.get('services'), null);
});
