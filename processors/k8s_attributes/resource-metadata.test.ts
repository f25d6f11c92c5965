import test from 'ava';
import { pod } from '../../test/support/kubernetes-objects.ts';
import { created, setUpOneIdentity as setUp } from '../../test/support/one-identity.ts';
import { until } from '../../test/support/until.ts';

const DIGEST = `registry.test/cart@sha256:${'ab'.repeat(32)}`;

test('every kind of metadata is given that can be told', async (t) => {
  const all = [
    ...[
      'pod.hostname',
      'replicaset.name',
      'replicaset.uid',
      'deployment.name',
      'deployment.uid',
      'job.name',
      'job.uid',
    ],
    ...[
      'cronjob.name',
      'statefulset.name',
      'statefulset.uid',
      'daemonset.name',
      'node.uid',
      'cluster.uid',
      'container.name',
    ],
  ].map((name) => `k8s.${name}`);
  const containers = ['id', 'image.name', 'image.tag', 'image.repo_digests'].map((name) => `container.${name}`);
  const services = ['name', 'namespace', 'version', 'instance.id'].map((name) => `service.${name}`);
  const minutes = Math.floor(Date.parse(created) / 60_000);
  const job = pod({ name: 'nightly', ips: ['10.244.2.9'], owner: { kind: 'Job', name: `nightly-${minutes}` } });
  const set = pod({
    name: 'db-0',
    ips: ['10.244.2.10'],
    owner: { kind: 'StatefulSet', name: 'db' },
    labels: { 'app.kubernetes.io/version': '9' },
  });
  const two = {
    ...pod({
      name: 'two',
      ips: ['10.244.2.8'],
      node: 'node-b',
      owner: { kind: 'ReplicaSet', name: 'two-5d78c' },
      labels: { 'pod-template-hash': '5d78c' },
    }),
    spec: {
      nodeName: 'node-b',
      hostname: 'two-host',
      containers: [
        { name: 'main', image: 'registry.test:5000/cart:1.2@sha256:ff' },
        { name: 'side', image: 'registry.test:5000/side' },
      ],
    },
    status: {
      phase: 'Running',
      podIP: '10.244.2.8',
      podIPs: [{ ip: '10.244.2.8' }],
      containerStatuses: [
        { name: 'main', containerID: 'containerd://c1', imageID: DIGEST, restartCount: 2, state: {} },
        { name: 'side', containerID: 'containerd://c2', imageID: 'sha256:ee', restartCount: 0, state: {} },
      ],
    },
  };
  const more = [two, set, { ...job, metadata: { ...job.metadata, creationTimestamp: created } }];
  const { out, store, host } = await setUp(t, { extract: { metadata: [...all, ...containers, ...services] } }, more);
  await until('the uid of the cluster is known', () => 'k8s.cluster.uid' in out({}, '10.244.2.8'));
  const ofPod = {
    'k8s.pod.hostname': 'two-host',
    'k8s.replicaset.name': 'two-5d78c',
    'k8s.replicaset.uid': 'uid-of-two-5d78c',
    'k8s.deployment.name': 'two',
    'k8s.node.uid': store.node('node-b')!.uid,
    'k8s.cluster.uid': 'a8f5',
    'service.name': 'two',
    'service.namespace': 'default',
  };
  t.deepEqual(out({}, '10.244.2.8'), ofPod);
  const main = {
    'k8s.container.name': 'main',
    'container.image.name': 'registry.test:5000/cart',
    'container.image.tag': '1.2',
    'container.image.repo_digests': [DIGEST],
    'service.version': '1.2@sha256:ff',
    'service.instance.id': 'default.two.main',
  };
  t.deepEqual(out({ 'k8s.container.name': 'main' }, '10.244.2.8'), { ...ofPod, ...main, 'container.id': 'c1' });
  t.like(out({ 'container.id': 'c2' }, '10.244.2.8'), {
    'k8s.container.name': 'side',
    'container.image.tag': 'latest',
  });
  const earlier = out({ 'k8s.container.name': 'main', 'k8s.container.restart_count': '1' }, '10.244.2.8');
  t.false('container.id' in earlier);
  t.like(out({}, '10.244.2.9'), {
    'k8s.job.name': `nightly-${minutes}`,
    'k8s.job.uid': `uid-of-nightly-${minutes}`,
    'k8s.cronjob.name': 'nightly',
    'service.name': 'nightly',
    'k8s.container.name': 'main',
    'service.version': '1',
  });
  t.like(out({}, '10.244.2.10'), {
    'k8s.statefulset.name': 'db',
    'k8s.statefulset.uid': 'uid-of-db',
    'service.version': '9',
  });
  t.true(host.log.some(({ message }) => message.startsWith('Metadata that is asked for is never given')));
});
