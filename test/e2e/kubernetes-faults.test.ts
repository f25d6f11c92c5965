/**
 * An agent and an API server that refuses, fails and forgets: names stay, and what is new gets its own as soon as the
 * server answers. The small server, which fails as it is told; test/cluster kills a real one.
 */

import test from 'ava';
import { failWith, reset } from '../support/kubernetes-api.ts';
import { arrivesAs, podNamed, UNNAMED } from '../support/named-flows.ts';
import type { TestCluster } from '../support/test-cluster.ts';
import { createTestCluster, type NamedPod, openAccount, openSmallApi, type SmallApi } from '../support/test-cluster.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { type Agent, until } from './agent.ts';

const RESOURCES = ['pods', 'nodes', 'services', 'endpointslices'];

let cluster: TestCluster<SmallApi>;
let agent: Agent;
let account: ReturnType<typeof openAccount>;
let one: NamedPod;
let two: NamedPod;

test.before(async () => {
  cluster = await createTestCluster(openSmallApi, { nodes: 1 });
  const { api, nodes } = cluster;
  one = await podCalled('one');
  two = await podCalled('two');
  for (const resource of RESOURCES) api.server.forbidden.add(resource);
  account = openAccount(api.ca(), api.token);
  const surroundings = { serviceAccountFolder: account.folder };
  agent = await cluster.startAgent(nodes[0]!, { attributes: 'flow: {late_enrichment: 500ms}' }, surroundings);
});
test.after.always(async () => {
  account?.remove();
  await cluster?.stop();
});

const podCalled = (name: string) => cluster.addPod(cluster.nodes[0]!, { name });
const nameOf = (name: string) => podNamed(cluster.nodes[0]!, name);

/** Datagrams there and back, which arrive under these names. */
async function arrives(t: Parameters<typeof arrivesAs>[0], client: NamedPod, src: string, dst: string) {
  const way = { client, server: two, family: 'ipv4' } as const;
  const exchange = await udpDatagrams({ ...way, datagrams: 20, payloadBytes: 200, answered: true });
  await arrivesAs(t, cluster.sink, { client, family: 'ipv4', exchange }, `${src} -> ${dst}`, `${dst} -> ${src}`);
}

/** A pod that is new gets its name, so the server is followed. */
async function isFollowed(t: Parameters<typeof arrivesAs>[0], name: string): Promise<void> {
  const fresh = await podCalled(name);
  await cluster.isKnown(cluster.nodes[0]!, 'Pod');
  await arrives(t, fresh, nameOf(name), nameOf('two'));
  await arrives(t, one, nameOf('one'), nameOf('two'));
}

test.serial(
  'without permission flows arrive without names and the role to apply is logged; a grant is enough',
  async (t) => {
    t.regex(agent.said(), /may not list pods.*system:serviceaccount:monitoring:weir[\s\S]*kind: ClusterRole/);
    await arrives(t, one, UNNAMED, UNNAMED);
    cluster.api.server.forbidden.clear();
    await until(
      'all may be read',
      () => agent.said().split('may now read what it could not').length > RESOURCES.length,
    );
    await isFollowed(t, 'after-grant');
  },
);

test.serial('a token that was renewed is taken', async (t) => {
  const { server } = cluster.api;
  account.renew('second');
  server.tokens = new Set(['second']);
  server.endWatches('ended');
  await isFollowed(t, 'after-rotation');
});

test.serial('watches that are reset, and a server that fails for a while, cost no name', async (t) => {
  const { server } = cluster.api;
  server.fail('pods', 'watch', failWith(500), reset);
  server.endWatches('reset');
  await arrives(t, one, nameOf('one'), nameOf('two'));
  await isFollowed(t, 'after-failures');
});

test.serial('where the server has forgotten the version, everything is listed anew', async (t) => {
  const { server } = cluster.api;
  await cluster.api.delete(two.object);
  server.compact();
  server.fail('pods', 'list', failWith(500));
  server.endWatches('ended');
  await isFollowed(t, 'after-compaction');
  const { code, stderr } = await agent.stop();
  t.is(code, 0, stderr);
});
