/** Which of two nodes' agents reports a flow between them. */

import test, { type ExecutionContext } from 'ava';
import { valuesOf } from '../../core/table/testing.ts';
import { setUp, shop } from '../../test/support/kubernetes-flows.ts';
import { node, pod } from '../../test/support/kubernetes-objects.ts';
import { until } from '../../test/support/until.ts';

const agentOn = (name: string, owner = 'weir') =>
  pod({
    name: `${owner}-${name}`,
    namespace: 'monitoring',
    node: name,
    hostNetwork: true,
    owner: { kind: 'DaemonSet', name: owner },
  });

const cluster = [
  ...shop,
  agentOn('node-a'),
  agentOn('node-b'),
  agentOn('node-c', 'other'),
  node({ name: 'node-c', ips: ['192.168.1.3'] }),
  pod({ name: 'lone', node: 'node-c', ips: ['10.244.3.3'], hostIps: ['192.168.1.3'] }),
];

const podA = '10.244.1.5';
const podB = '10.244.2.7';
const podC = '10.244.3.3';
const world = '8.8.8.8';
const [nodeA, nodeB] = ['192.168.1.1', '192.168.1.2'];

/** What the agent of a node reports of these flows, as `src > dst`; the others are counted elsewhere. */
async function reportedOn(
  t: ExecutionContext,
  own: 'node-a' | 'node-b',
  flows: readonly { readonly src: string; readonly dst: string; readonly shown?: { readonly dst: string } }[],
  { observer = 'source', ...flow }: { readonly observer?: string; readonly observer_nodes?: readonly string[] } = {},
) {
  const environment = { NODE_NAME: own, POD_NAME: `weir-${own}`, POD_NAMESPACE: 'monitoring' };
  const { out } = await setUp(t, { flow: { observer, ...flow } }, { objects: cluster, surroundings: { environment } });
  const made = out(flows);
  const tables = made.filter((one) => one.kind === 'flows');
  const left = made.filter((one) => one.kind === 'filtered');
  t.true(left.every(({ reason }) => reason === 'counted_elsewhere'));
  const reported = tables.flatMap((one) => {
    const [src, dst] = ['src.address', 'dst.address'].map((name) => valuesOf(one, name));
    return src!.map((address, row) => `${address} > ${dst![row]}`);
  });
  t.is(reported.length + left.reduce((sum, { places }) => sum + places.length, 0), flows.length);
  return reported;
}

const between = [
  { src: podA, dst: podB },
  { src: podB, dst: podA },
  { src: nodeA, dst: nodeB },
  { src: podB, dst: nodeA },
];
const arrows = (flows: readonly { readonly src: string; readonly dst: string }[]) =>
  flows.map(({ src, dst }) => `${src} > ${dst}`);

test('of flows between two nodes with an agent, the node of the source reports its own, and together they report all', async (t) => {
  t.deepEqual(await reportedOn(t, 'node-a', between), arrows([between[0]!, between[2]!]));
  t.deepEqual(await reportedOn(t, 'node-b', between), arrows([between[1]!, between[3]!]));
});

test('with destination it is the other one, and with both each reports all', async (t) => {
  t.deepEqual(await reportedOn(t, 'node-a', between, { observer: 'destination' }), arrows([between[1]!, between[3]!]));
  t.deepEqual(await reportedOn(t, 'node-b', between, { observer: 'destination' }), arrows([between[0]!, between[2]!]));
  t.deepEqual(await reportedOn(t, 'node-a', between, { observer: 'both' }), arrows(between));
});

test('what no agent saw leave, the node of the destination reports', async (t) => {
  const flows = [
    { src: world, dst: podA },
    { src: podC, dst: podA },
    { src: podA, dst: world },
    { src: podA, dst: podC },
    { src: podA, dst: podA },
  ];
  t.deepEqual(await reportedOn(t, 'node-a', flows), arrows(flows));
  t.deepEqual(await reportedOn(t, 'node-a', flows, { observer: 'destination' }), arrows(flows));
});

test('a node in between leaves a flow to its ends, but reports what was addressed to itself and translated there', async (t) => {
  const passing = { src: world, dst: podB };
  const dialledHere = { src: world, dst: podB, shown: { dst: `${nodeA} 30080` } };
  t.deepEqual(await reportedOn(t, 'node-a', [passing, dialledHere]), arrows([dialledHere]));
  // The other sees it come from that node.
  t.deepEqual(await reportedOn(t, 'node-b', [passing, { src: nodeA, dst: podB }]), arrows([passing]));
});

test('observer_nodes name the nodes with an agent where there is no DaemonSet', async (t) => {
  const flows = [
    { src: podC, dst: podA },
    { src: podB, dst: podA },
  ];
  t.deepEqual(await reportedOn(t, 'node-a', flows, { observer_nodes: ['node-c'] }), arrows([flows[1]!]));
});

test('without a DaemonSet and observer_nodes every node reports all, and that is said', async (t) => {
  const { out, host } = await setUp(t, {}, { objects: cluster });
  t.like(out(between)[0], { kind: 'flows', rows: 4 });
  t.deepEqual(
    host.log.filter(({ level }) => level === 'warn').map(({ message, fields }) => [message, fields.fix]),
    [['every node reports flows between nodes', 'set observer_nodes, or POD_NAME and POD_NAMESPACE in its pod']],
  );
});

test('the own node is the one that has an address of this host', async (t) => {
  const environment = { NODE_NAME: undefined, POD_NAME: 'weir-node-b', POD_NAMESPACE: 'monitoring' };
  const surroundings = { environment, addresses: () => ['127.0.0.1', nodeB] };
  const { out } = await setUp(t, {}, { objects: cluster, surroundings });
  const [reported] = out(between);
  t.deepEqual(reported?.kind === 'flows' && valuesOf(reported, 'src.address'), [podB, podB]);
});

test('a node that gets an agent is left its flows', async (t) => {
  const environment = { NODE_NAME: 'node-a', POD_NAME: 'weir-node-a', POD_NAMESPACE: 'monitoring' };
  const { out, api, store, clock } = await setUp(t, {}, { objects: cluster, surroundings: { environment } });
  const flows = [{ src: podC, dst: podA }];
  t.like(out(flows), [{ kind: 'flows', rows: 1 }]);
  api.put(agentOn('node-c'));
  await until('it is known', () => store.podByName('monitoring', 'weir-node-c') !== undefined);
  clock.advance(10_000);
  t.like(out(flows), [{ rows: 0 }, { reason: 'counted_elsewhere' }]);
});

// A gateway has a node of its own, which is neither that of its senders nor one that reports flows.
test('flows that another agent counted all go on, and the own node is not put on them', async (t) => {
  const surroundings = { environment: { NODE_NAME: 'node-a' } };
  const flow = { observer_nodes: ['node-a', 'node-b'], cluster_name: 'shop' };
  const { processor, table } = await setUp(t, { flow }, { objects: cluster, surroundings });
  const counted = table([{ src: podB, dst: podA }]);
  t.deepEqual(
    processor.flows!(counted).flatMap((one) => (one.kind === 'filtered' ? one.reason : [])),
    ['counted_elsewhere'],
  );
  const [received, ...others] = processor.flows!({ ...counted, received: true });
  t.deepEqual(others, []);
  t.is(received?.kind, 'flows');
  if (received?.kind !== 'flows') return;
  t.deepEqual(valuesOf(received, 'k8s.src.node.name'), ['node-b']);
  t.is(received.resource.attributes['k8s.cluster.name'], 'shop');
  t.is(received.resource.attributes['k8s.node.name'], undefined);
});
