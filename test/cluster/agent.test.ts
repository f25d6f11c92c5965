/** An agent and the API server over time: permissions that come later, a token that is renewed, a server that dies. */

import test from 'ava';
import { arrivesAs, podNamed, UNNAMED } from '../support/named-flows.ts';
import { createTestCluster, type NamedPod, openAccount, type TestCluster } from '../support/test-cluster.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { applyLogged, openServiceAccount } from './accounts.ts';
import { openRealApi } from './api-server.ts';

type RealCluster = TestCluster<Awaited<ReturnType<typeof openRealApi>>>;

let cluster: RealCluster;
let pods: readonly NamedPod[];
test.before(async () => {
  cluster = await createTestCluster(openRealApi, { nodes: 1 });
  pods = [await podCalled('one'), await podCalled('two')];
});
test.after.always(() => cluster?.stop());

const podCalled = (name: string) => cluster.addPod(cluster.nodes[0]!, { name });

/** Datagrams there and back; what has arrived of them. */
async function send(client: NamedPod, server: NamedPod) {
  const way = { client, server, family: 'ipv4' } as const;
  const exchange = await udpDatagrams({ ...way, datagrams: 20, payloadBytes: 200, answered: true });
  return { client, family: 'ipv4', exchange } as const;
}

test.serial(
  'names come when permission does, a renewed token is taken, and a server that dies is missed by nobody',
  async (t) => {
    const [node] = cluster.nodes;
    const [one, two] = pods as readonly [NamedPod, NamedPod];
    const { api, sink } = cluster;
    const tokens = await openServiceAccount(api, 'agent');
    const account = openAccount(api.ca(), await tokens.next());
    t.teardown(account.remove);
    const surroundings = { serviceAccountFolder: account.folder };
    const agent = await cluster.startAgent(node!, { attributes: 'flow: {late_enrichment: 500ms}' }, surroundings);
    t.regex(agent.said(), /may not list pods.*system:serviceaccount:default:agent[\s\S]*kind: ClusterRole/);
    const unnamed = `${UNNAMED} -> ${UNNAMED}`;
    await arrivesAs(t, sink, await send(one, two), unnamed, unnamed);

    await applyLogged(api, agent.said());
    await until('all may be read', () => agent.said().split('may now read what it could not').length === 5);
    const [ONE, TWO] = [podNamed(node!, 'one'), podNamed(node!, 'two')];
    const named = [`${ONE} -> ${TWO}`, `${TWO} -> ${ONE}`] as const;
    await cluster.isKnown(node!, 'Pod');
    await arrivesAs(t, sink, await send(one, two), ...named);

    account.renew(await tokens.next());
    await api.kill();
    await until('the loss is noticed', () => /names known so far stay in use/.test(agent.said()));
    await arrivesAs(t, sink, await send(one, two), ...named);

    await api.restart();
    const three = await podCalled('three');
    await until('it is back', () => /the Kubernetes API answers again/.test(agent.said()));
    await cluster.isKnown(node!, 'Pod');
    const THREE = podNamed(node!, 'three');
    await arrivesAs(t, sink, await send(three, two), `${THREE} -> ${TWO}`, `${TWO} -> ${THREE}`);
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
  },
);
