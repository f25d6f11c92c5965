import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { clusterFromMetadata, reasonOf } from '../zones/metadata.ts';
import { findClusterName } from './cluster-name.ts';
import type { NodeRecord } from './objects.ts';

const nowhere = 'http://127.0.0.1:1';
const servers = { aws: nowhere, gcp: nowhere, azure: nowhere };

const nodeWith = (parts: Partial<NodeRecord>): NodeRecord => ({
  ...{ kind: 'Node', uid: 'u', name: 'node-a', namespace: '', addresses: [], fromMs: 0 },
  ...{ ip: undefined, labels: {}, annotations: {}, podRanges: [], providerId: '' },
  ...parts,
});

/** Answers by path; anything else is 404. */
async function serve(t: ExecutionContext, answers: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const server = http
    .createServer(({ method, url = '' }, response) => {
      const path = url.split('?')[0]!;
      asked.push(`${method} ${path}`);
      const answer = answers[path];
      response.writeHead(answer === undefined ? 404 : 200, { 'Metadata-Flavor': 'Google' }).end(answer ?? '');
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const uid = { clusterUid: async () => 'uid-of-kube-system' };
const forbidden = {
  clusterUid: async () => {
    throw new Error('forbidden');
  },
};
const { signal } = new AbortController();

test('a label of the own node comes first, in a fixed order of labels, and nothing else is asked', async (t) => {
  const labels = { 'kubernetes.azure.com/cluster': 'third', 'cluster.x-k8s.io/cluster-name': 'second' };
  const gce = await serve(t, { '/computeMetadata/v1/instance/attributes/cluster-name': 'metadata' });
  const around = { store: uid, servers: { ...servers, gcp: gce.url }, signal };
  const node = nodeWith({ labels, providerId: 'gce://project/zone/name' });
  t.deepEqual(await findClusterName({ ...around, node }), { name: 'second', source: 'label' });
  t.deepEqual(gce.asked, []);
});

test('then the metadata of the very cloud that the node is in, and of no other', async (t) => {
  const gce = await serve(t, { '/computeMetadata/v1/instance/attributes/cluster-name': 'metadata' });
  const around = { store: uid, servers: { ...servers, gcp: gce.url }, signal };
  t.deepEqual(await findClusterName({ ...around, node: nodeWith({ providerId: 'gce://project/zone/name' }) }), {
    name: 'metadata',
    source: 'cloud',
  });
  t.deepEqual(await findClusterName({ ...around, node: nodeWith({ providerId: 'kind://docker/kind' }) }), {
    name: 'uid-of-kube-system',
    source: 'kube-system uid',
  });
  t.is(gce.asked.length, 1);
});

test('last the uid of kube-system, else every reason', async (t) => {
  t.deepEqual(await findClusterName({ store: uid, servers, node: undefined, signal }), {
    name: 'uid-of-kube-system',
    source: 'kube-system uid',
  });
  const reasons = await findClusterName({
    store: forbidden,
    servers,
    node: nodeWith({ providerId: 'aws:///eu-west-1a/i-0' }),
    signal,
  });
  t.true(Array.isArray(reasons));
  t.regex(String(reasons), /node-a has none of the labels.*aws: .*kube-system: forbidden/);
});

test('each cloud has the name in its own place', async (t) => {
  const aws = await serve(t, {
    '/latest/api/token': 'secret',
    '/latest/meta-data/tags/instance/aws:eks:cluster-name': 'eks-1',
  });
  t.is(await clusterFromMetadata('aws', { ...servers, aws: aws.url }), 'eks-1');
  const group = (resourceGroupName: string) => ({
    '/metadata/instance/compute': JSON.stringify({ resourceGroupName }),
  });
  const azure = await serve(t, group('MC_group_aks-1_westeurope'));
  t.is(await clusterFromMetadata('azure', { ...servers, azure: azure.url }), 'aks-1');
  const machine = await serve(t, group('my-machines'));
  const failure = await clusterFromMetadata('azure', { ...servers, azure: machine.url }).catch(reasonOf);
  t.is(failure, "my-machines is not the group of a cluster's nodes");
});
