/** Labels and annotations as attributes of both ends. */

import test from 'ava';
import { valuesOf } from '../../core/table/testing.ts';
import { problemsOf } from '../../test/support/component-config.ts';
import { setUp, shop } from '../../test/support/kubernetes-flows.ts';
import { node, pod } from '../../test/support/kubernetes-objects.ts';
import { until } from '../../test/support/until.ts';
import k8sAttributes from './index.ts';

const flows = [{ src: '10.244.2.7', dst: '10.96.0.10' }];
const namespace = (labels: object) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } });

test('labels and annotations of pod, namespace and node are attributes of both ends, by their tag', async (t) => {
  const extract = {
    labels: [
      { tag_name: 'team', key: 'team' },
      { key: 'app.kubernetes.io/name', from: 'pod' },
      { tag_name: 'k8s.namespace.stage', key: 'stage', from: 'namespace' },
      { tag_name: 'rack', key: 'topology.kubernetes.io/zone', from: 'node' },
    ],
    annotations: [{ tag_name: 'cost', key: 'cost-center' }],
  };
  const { values, api, store } = await setUp(t, { extract }, { objects: [...shop, namespace({ stage: 'test' })] });
  const attributes = [
    'src.team',
    'k8s.src.pod.labels.app.kubernetes.io/name',
    'k8s.src.namespace.stage',
    'src.rack',
    'src.cost',
    'dst.team',
    'k8s.dst.namespace.stage',
  ];
  t.deepEqual(values(flows, ...attributes), [
    ['baskets'],
    ['cart'],
    ['test'],
    ['zone-2'],
    ['42'],
    [undefined],
    ['test'],
  ]);
  // What is said of the namespace or the node changes for all that is in it.
  api.put(namespace({ stage: 'live' }));
  api.put(node({ name: 'node-b', ips: ['192.168.1.2'], labels: { 'topology.kubernetes.io/zone': 'zone-9' } }));
  await until('both are known', () => {
    return (
      store.namespace('shop')?.labels.stage === 'live' &&
      store.node('node-b')?.labels['topology.kubernetes.io/zone'] === 'zone-9'
    );
  });
  t.deepEqual(values(flows, 'k8s.src.namespace.stage', 'k8s.dst.namespace.stage', 'src.rack'), [
    ['live'],
    ['live'],
    ['zone-9'],
  ]);
});

test('a regular expression over whole keys brings an attribute for each key it matches, also of pods that come later', async (t) => {
  const labels = [{ tag_name: 'label.$1', key_regex: 'example\\.com/(.*)' }, { key_regex: 'te.m' }];
  const { out, values, api, store } = await setUp(t, { extract: { labels } });
  t.deepEqual(values(flows, 'k8s.src.pod.labels.team', 'src.label.tier'), [['baskets'], [undefined]]);
  api.put(
    pod({
      name: 'new',
      node: 'node-a',
      ips: ['10.244.1.9'],
      labels: { 'example.com/tier': 'front', 'example.com/': 'x' },
    }),
  );
  await until('it is known', () => store.podByName('default', 'new') !== undefined);
  const [table] = out([{ src: '10.244.1.9', dst: '10.244.2.7' }]);
  if (table?.kind !== 'flows') throw new Error('no flows');
  t.deepEqual(valuesOf(table, 'src.label.tier'), ['front']);
  t.deepEqual(valuesOf(table, 'k8s.dst.pod.labels.team'), ['baskets']);
});

test('a tag that is the name of another attribute is refused', (t) => {
  const labels = [{ tag_name: 'zone', key: 'a' }, { tag_name: 'k8s.owner.name', key: 'b' }, { key: 'c' }, { key: 'c' }];
  t.deepEqual(problemsOf(k8sAttributes, { extract: { labels } }), [
    'extract::labels::0: its name, src.zone, is that of an attribute of every flow',
    'extract::labels::1: its name, k8s.src.owner.name, is that of an attribute of every flow',
    'extract::labels::3: its name, k8s.src.pod.labels.c, is that of extract::labels::2',
  ]);
});
