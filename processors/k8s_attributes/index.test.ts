import test from 'ava';
import type { FilteredRows } from '../../core/component/define.ts';
import { problemsOf } from '../../test/support/component-config.ts';
import { change, setUp } from '../../test/support/kubernetes-flows.ts';
import { pod } from '../../test/support/kubernetes-objects.ts';
import k8sAttributes from './index.ts';

const ends = (name: string) => [`k8s.src.${name}`, `k8s.dst.${name}`];

test('both ends have name, namespace, kind, owner and node', async (t) => {
  const { values } = await setUp(t);
  const flows = [
    { src: '10.244.1.5', dst: '10.244.2.7' },
    { src: '192.168.1.2', dst: '10.96.0.10' },
    { src: 'fd00:10::5', dst: '8.8.8.8' },
  ];
  const attributes = ['name', 'namespace', 'type', 'owner.name', 'owner.type', 'node.name', 'node.ip'].flatMap(ends);
  t.deepEqual(values(flows, ...attributes), [
    ['client', 'node-b', 'client'],
    ['cart-5d78c-x2x', 'cart', undefined],
    ['web', undefined, 'web'],
    ['shop', 'shop', undefined],
    ['Pod', 'Node', 'Pod'],
    ['Pod', 'Service', undefined],
    ['client', 'node-b', 'client'],
    ['cart', 'cart', undefined],
    ['Pod', 'Node', 'Pod'],
    ['Deployment', 'Service', undefined],
    ['node-a', 'node-b', 'node-a'],
    ['node-b', undefined, undefined],
    ['192.168.1.1', '192.168.1.2', '192.168.1.1'],
    ['192.168.1.2', undefined, undefined],
  ]);
});

test('a name is that of Kubernetes, else the address', async (t) => {
  const { values } = await setUp(t);
  t.deepEqual(values([{ src: '10.244.1.5', dst: '8.8.8.8' }], 'src.name', 'dst.name'), [['client'], ['8.8.8.8']]);
});

test('the Service is that of the dialled address, whichever of its addresses that was, on the side that answers', async (t) => {
  const { values } = await setUp(t);
  const pods = { src: '10.244.1.5', dst: '10.244.2.7', dstPort: 8080 };
  const dialled = (shown: string) => ({ ...pods, shown: { dst: shown } });
  const answer = { src: '10.244.2.7', dst: '10.244.1.5', srcPort: 8080, dstPort: 40_000, initiator: 2 } as const;
  const flows = [
    dialled('10.96.0.10 80'),
    dialled('203.0.113.9 80'),
    dialled('198.51.100.20 80'),
    dialled('192.168.1.1 30080'),
    pods,
    { ...answer, shown: { src: '10.96.0.10 80' } },
    // Masqueraded: the source's port on the wire is nobody's node port, though the number is one.
    { ...pods, shown: { src: '192.168.1.1 30080' } },
    // An answer on the pod's own wire shows the pod, and a request of the node itself is counted when it is translated.
    { ...answer, dialled: '10.96.0.10 80' },
    { ...pods, dialled: '10.96.0.10 80' },
  ];
  t.deepEqual(values(flows, ...ends('service.name'), ...ends('service.namespace'), 'k8s.dst.name'), [
    [undefined, undefined, undefined, undefined, undefined, 'cart', undefined, 'cart', undefined],
    ['cart', 'cart', 'cart', 'cart', undefined, undefined, undefined, undefined, 'cart'],
    [undefined, undefined, undefined, undefined, undefined, 'shop', undefined, 'shop', undefined],
    ['shop', 'shop', 'shop', 'shop', undefined, undefined, undefined, undefined, 'shop'],
    [...Array(5).fill('cart-5d78c-x2x'), 'client', 'cart-5d78c-x2x', 'client', 'cart-5d78c-x2x'],
  ]);
});

test('without translation the Service itself is the destination', async (t) => {
  const { values } = await setUp(t);
  const flows = [{ src: '10.244.1.5', dst: '10.96.0.10', dstPort: 80 }];
  t.deepEqual(values(flows, 'k8s.dst.name', 'k8s.dst.type', 'k8s.dst.owner.type', 'k8s.dst.service.name', 'dst.name'), [
    ['cart'],
    ['Service'],
    ['Service'],
    ['cart'],
    ['cart'],
  ]);
});

test('an address that goes to another pod is that of the pod at the time of the flow', async (t) => {
  const { api, store, clock, values } = await setUp(t);
  const flows = [{ src: '10.244.1.5', dst: '10.244.2.7' }];
  t.deepEqual(values(flows, 'k8s.dst.name'), [['cart-5d78c-x2x']]);
  api.delete(pod({ name: 'cart-5d78c-x2x', namespace: 'shop' }));
  const next = pod({ name: 'next', namespace: 'shop', node: 'node-b', ips: ['10.244.2.7'], hostIps: ['192.168.1.2'] });
  const nowMs = () => Number(clock.nowNs() / 1_000_000n);
  clock.advance(60_000);
  await change(
    api,
    () => api.put(next),
    () => store.identityAt('10.244.2.7', nowMs())?.name === 'next',
  );
  t.deepEqual(values(flows, 'k8s.dst.name'), [['next']]);
});

test('the cluster is on the points and on the resource, and the node on the resource', async (t) => {
  const { out, values } = await setUp(t, { flow: { cluster_name: 'production' } });
  const flows = [{ src: '10.244.1.5', dst: '8.8.8.8' }];
  t.deepEqual(values(flows, 'k8s.cluster.name'), [['production']]);
  const resources = [flows, flows].map((some) => out(some)[0]!).map((one) => one.kind === 'flows' && one.resource);
  t.like(resources[0], { attributes: { 'k8s.cluster.name': 'production', 'k8s.node.name': 'node-a' } });
  t.is(resources[0], resources[1]);
});

test('drop_external leaves out flows with an end that Kubernetes does not know', async (t) => {
  const { out } = await setUp(t, { flow: { drop_external: true } });
  const flows = [
    { src: '10.244.1.5', dst: '8.8.8.8' },
    { src: '10.244.1.5', dst: '10.96.0.10' },
    { src: '8.8.8.8', dst: '10.244.1.5' },
  ];
  const [kept, filtered] = out(flows);
  t.like(kept, { kind: 'flows', rows: 1 });
  t.like(filtered, { kind: 'filtered', reason: 'rule' });
  t.deepEqual([...(filtered as FilteredRows).places], [0, 2]);
});

test('what a name comes from and why a flow is left out can be asked', async (t) => {
  const { processor, table } = await setUp(t, { flow: { drop_external: true } });
  const given = table([
    { src: '10.244.1.5', dst: '10.244.2.7' },
    { src: '192.168.1.2', dst: '8.8.8.8' },
  ]);
  processor.flows!(given);
  const { source, reason } = processor.explain!;
  t.is(source!(given, 0, 'k8s.dst.owner.name'), 'Pod shop/cart-5d78c-x2x, which had 10.244.2.7');
  t.is(source!(given, 1, 'src.name'), 'Node node-b, which had 192.168.1.2');
  t.is(source!(given, 1, 'dst.name'), undefined);
  t.is(reason!(given, 0), undefined);
  t.is(reason!(given, 1), 'an end is not known to Kubernetes (flow::drop_external)');
});

test('passthrough and a block that is not enabled ask for no cluster and change nothing', async (t) => {
  for (const block of [{ passthrough: true }, { flow: { enabled: false } }]) {
    const { processor, table } = await setUp(t, block);
    const given = table([{ src: '10.244.1.5', dst: '10.244.2.7' }]);
    t.deepEqual(processor.flows!(given), [given]);
  }
});

test('wrong keys are named with place and fix', (t) => {
  t.deepEqual(problemsOf(k8sAttributes, { auth_type: 'token', flow: { observer: 'me', disable_informers: ['pod'] } }), [
    'auth_type: unsupported value "token"',
    'flow::disable_informers::0: unsupported value "pod"',
    'flow::observer: unsupported value "me"',
  ]);
  t.deepEqual(
    problemsOf(k8sAttributes, {
      extract: { metadata: ['k8s.pod.nam'], labels: [{ key: 'a', from: 'deployment' }, { from: 'rack' }] },
      filter: { labels: [{ key: 'a', op: 'like' }] },
    }),
    [
      'extract::metadata::0: "k8s.pod.nam" is not a supported metadata field',
      'extract::labels::0::from: deployment is not a valid choice for From. Must be one of: pod, namespace, node: deployments are not followed',
      'extract::labels::1::from: rack is not a valid choice for From. Must be one of: pod, namespace, node',
      "filter::labels::0::op: 'like' is not a valid label filter operation",
    ],
  );
  const source = { from: 'resource_attribute', name: 'k8s.pod.ip' };
  t.deepEqual(
    problemsOf(k8sAttributes, {
      extract: { labels: [{ key: 'a', key_regex: 'b' }, {}] },
      pod_association: [
        { sources: [source, source, source, source, source] },
        { sources: [{ from: 'resource_attribute' }] },
      ],
      wait_for_metadata_timeout: '0s',
      context: 'x',
      auth_type: 'none',
    }),
    [
      'extract::labels::0: Out of Key or KeyRegex only one option is expected to be configured at a time',
      'extract::labels::1: Out of Key or KeyRegex only one option is expected to be configured at a time',
      'pod_association::0::sources: too many association sources. limit is 4',
      'pod_association::1::sources::0: requires a non-empty "name"',
      'wait_for_metadata_timeout: must be positive',
      'context: is not used with auth_type: none',
    ],
  );
});

test('explain says whose address it was, and which attributes tell of the Service that was dialled', async (t) => {
  const { processor, table } = await setUp(t);
  const flows = table([{ src: '10.244.1.5', dst: '10.244.2.7' }]);
  const source = (attribute: string) => processor.explain?.source?.(flows, 0, attribute);
  t.is(source('k8s.src.name'), 'Pod web/client, which had 10.244.1.5');
  t.is(source('k8s.dst.owner.name'), 'Pod shop/cart-5d78c-x2x, which had 10.244.2.7');
  t.is(source('k8s.dst.service.name'), 'the Service that was dialled');
  t.is(source('k8s.cluster.name'), undefined);
});
