import test from 'ava';
import { pod } from '../../test/support/kubernetes-objects.ts';
import { arriving, created, setUpOneIdentity as setUp } from '../../test/support/one-identity.ts';
import { until } from '../../test/support/until.ts';

const cart = {
  'k8s.namespace.name': 'shop',
  'k8s.pod.name': 'cart-5d78c-x2x',
  'k8s.pod.uid': 'uid-cart-5d78c-x2x',
  'k8s.pod.start_time': created,
  'k8s.deployment.name': 'cart',
  'k8s.node.name': 'node-b',
};

test('without associations the pod is told by k8s.pod.ip, ip, the connection, or an address as host name', async (t) => {
  const { out, host } = await setUp(t);
  const own = { 'service.name': 'x' };
  t.deepEqual(out(own, '10.244.2.7'), { ...own, ...cart });
  t.deepEqual(out({ ...own, 'k8s.pod.ip': '10.244.2.7' }, '10.244.1.5'), {
    ...own,
    'k8s.pod.ip': '10.244.2.7',
    ...cart,
  });
  t.deepEqual(out({ ip: '10.244.2.7' }, '10.244.1.5'), { ip: '10.244.2.7', ...cart });
  t.deepEqual(out({ 'host.name': '10.244.2.7' }), { 'host.name': '10.244.2.7', ...cart });
  t.like(out({ 'host.name': '10.244.2.7' }, 'fd00:10::5'), { 'k8s.pod.name': 'client', 'k8s.node.name': 'node-a' });
  const unknown = { ...own, 'host.name': 'node-b' };
  t.deepEqual(out(unknown, '10.9.9.9'), unknown);
  t.deepEqual(out(unknown), unknown);
  t.deepEqual(out({ 'k8s.pod.uid': 'uid-client' }), { 'k8s.pod.uid': 'uid-client' });
  const counted = (status: string, by: string) =>
    host.metric('otelcol_k8s_pod_association_total', `pod_identifier="${by}",status="${status}"`);
  t.deepEqual([counted('success', 'connection'), counted('error', 'connection'), counted('error', '')], [5, 1, 2]);
});

test('the first association that can be answered decides, whether or not it finds a pod', async (t) => {
  const source = (name: string) => ({ from: 'resource_attribute', name });
  const { out } = await setUp(t, {
    pod_association: [
      { sources: [source('k8s.pod.uid')] },
      { sources: [source('k8s.namespace.name'), source('k8s.pod.name')] },
      { sources: [source('k8s.pod.ip')] },
      { sources: [{ from: 'connection' }] },
    ],
  });
  t.like(out({ 'k8s.pod.uid': 'uid-cart-5d78c-x2x', 'k8s.pod.ip': '10.244.1.5' }), cart);
  t.like(out({ 'k8s.pod.uid': 'uid-host' }), { 'k8s.pod.name': 'host', 'k8s.node.name': 'node-a' });
  t.like(out({ 'k8s.namespace.name': 'shop', 'k8s.pod.name': 'cart-5d78c-x2x' }), cart);
  t.like(out({ 'k8s.pod.name': 'only this' }, '10.244.1.5'), {
    'k8s.pod.name': 'only this',
    'k8s.pod.uid': 'uid-client',
  });
  t.like(out({ 'k8s.pod.ip': '10.244.2.7' }, '10.244.1.5'), cart);
  t.like(out({}, '10.244.2.7'), cart);
  const unknown = { 'k8s.pod.uid': 'nobody', 'k8s.pod.ip': '10.244.2.7' };
  t.deepEqual(out(unknown, '10.244.2.7'), unknown);
  // A pod on the host's network is not told by the address that all of them share.
  t.deepEqual(out({}, '192.168.1.1'), {});
});

test('what the resource says already stays, an empty text does not', async (t) => {
  const { out } = await setUp(t);
  const own = { 'k8s.pod.name': 'mine', 'k8s.deployment.name': '' };
  t.deepEqual(out(own, '10.244.2.7'), { ...cart, 'k8s.pod.name': 'mine' });
});

test('points, exemplars and whatever else is not the resource leave as they came', async (t) => {
  const { processor } = await setUp(t);
  const before = arriving({}, '10.244.2.7');
  const after = processor.resourceMetrics!(before);
  t.true(Buffer.from(after.content).equals(before.content));
  t.like(after, { points: before.points, metrics: before.metrics, sender: before.sender });
  t.true(Buffer.from(after.resource!).subarray(0, before.resource!.length).equals(before.resource!));
});

test('excluded pods and those that ask for it give nothing', async (t) => {
  const { out } = await setUp(t);
  t.deepEqual(out({}, '10.244.1.8'), {});
  t.deepEqual(out({}, '10.244.1.9'), {});
  const other = await setUp(t, { exclude: { pods: [{ name: 'cart' }] } });
  t.deepEqual(other.out({}, '10.244.2.7'), {});
  t.is(other.out({}, '10.244.1.8')['k8s.pod.name'], 'jaeger-agent-1');
});

test('k8s.pod.ip says the connection where it is asked for, also of a pod that is not known', async (t) => {
  const { out } = await setUp(t, { extract: { metadata: ['k8s.pod.ip', 'k8s.pod.name'] } });
  t.deepEqual(out({}, '10.9.9.9'), { 'k8s.pod.ip': '10.9.9.9' });
  t.deepEqual(out({}, 'fd00:10::5'), { 'k8s.pod.ip': 'fd00:10::5', 'k8s.pod.name': 'client' });
});

test('labels and annotations get the names that a collector gives them, of a pod, its namespace and its node', async (t) => {
  const annotated = pod({
    name: 'noted',
    namespace: 'shop',
    node: 'node-b',
    ips: ['10.244.2.11'],
    labels: { team: 'baskets', 'app.kubernetes.io/part-of': 'shop' },
    annotations: { 'resource.opentelemetry.io/deployment.environment': 'prod', other: 'x' },
  });
  const { out } = await setUp(
    t,
    {
      extract: {
        metadata: ['k8s.pod.name'],
        otel_annotations: true,
        labels: [
          { tag_name: 'team', key: 'team' },
          { key_regex: 'app\\.kubernetes\\.io/(.+)', tag_name: 'app.$1' },
          { key: 'stage', from: 'namespace' },
          { tag_name: 'place', key: 'topology.kubernetes.io/zone', from: 'node' },
        ],
        annotations: [{ key: 'other' }],
      },
    },
    [annotated],
  );
  t.deepEqual(out({}, '10.244.2.11'), {
    'k8s.pod.name': 'noted',
    team: 'baskets',
    'app.part-of': 'shop',
    'k8s.pod.annotations.other': 'x',
    'deployment.environment': 'prod',
    'k8s.namespace.labels.stage': 'prod',
    place: 'zone-2',
  });
  // Namespace and node may be told by the resource, too.
  const said = { 'k8s.namespace.name': 'shop', 'k8s.node.name': 'node-a' };
  t.deepEqual(out(said), { ...said, 'k8s.namespace.labels.stage': 'prod', place: 'zone-1' });
});

test('a pod that came later under the name of another is found, and for a while one that was deleted', async (t) => {
  const names = ['k8s.namespace.name', 'k8s.pod.name'];
  const sources = names.map((name) => ({ from: 'resource_attribute', name }));
  const { out, api, store } = await setUp(t, { pod_association: [{ sources }, { sources: [{ from: 'connection' }] }] });
  const db = (uid: string, ip: string, at: string) => {
    const made = pod({ name: 'db-0', ips: [ip] });
    return { ...made, metadata: { ...made.metadata, uid, creationTimestamp: at } };
  };
  const said = { 'k8s.namespace.name': 'default', 'k8s.pod.name': 'db-0' };
  const first = db('first', '10.244.1.20', '2026-01-01T00:00:00Z');
  api.put(first);
  await until('the first is known', () => store.podByUid('first') !== undefined);
  t.is(out(said)['k8s.pod.uid'], 'first');
  api.delete(first);
  await until('it is gone', () => store.podByName('default', 'db-0') === undefined);
  t.is(out(said)['k8s.pod.uid'], 'first');
  t.is(out({}, '10.244.1.20')['k8s.pod.uid'], 'first');
  api.put(db('second', '10.244.1.21', '2026-01-01T00:00:01Z'));
  await until('the second is known', () => store.podByUid('second') !== undefined);
  t.is(out(said)['k8s.pod.uid'], 'second');
});

test('with flow.enabled false only data with one identity is named, and Services are not followed', async (t) => {
  const { out, processor, table, api } = await setUp(t, { flow: { enabled: false } });
  const flows = table([{ src: '10.244.1.5', dst: '10.244.2.7' }]);
  t.deepEqual(processor.flows!(flows), [flows]);
  t.deepEqual(out({}, '10.244.2.7'), cart);
  t.deepEqual([...new Set(api.requests.map(({ resource }) => resource))], ['pods']);
});

test('passthrough says the address of the connection and asks nobody', async (t) => {
  const { out } = await setUp(t, { passthrough: true });
  t.deepEqual(out({}, '10.244.2.7'), { 'k8s.pod.ip': '10.244.2.7' });
  t.deepEqual(out({ 'k8s.pod.ip': '10.1.1.1' }, '10.244.2.7'), { 'k8s.pod.ip': '10.1.1.1' });
  t.deepEqual(out({}), {});
});
