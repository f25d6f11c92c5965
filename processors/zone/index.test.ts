import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createSharedStores } from '../../core/kubernetes/shared-stores.ts';
import { createTestFlows, type TestFlow, valuesOf } from '../../core/table/testing.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { openKubernetesApi } from '../../test/support/kubernetes-api.ts';
import { shop } from '../../test/support/kubernetes-flows.ts';
import { followCluster } from '../../test/support/kubernetes-harness.ts';
import { node } from '../../test/support/kubernetes-objects.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { until } from '../../test/support/until.ts';
import zone, { createZone, sourcesOf } from './index.ts';

const cidrs = [
  { cidr: '10.1.0.0/16', zone: 'eu-west-1a', region: 'eu-west-1' },
  { cidr: '10.2.0.0/16', zone: 'eu-west-1b', region: 'eu-west-1' },
  { cidr: 'fd00:3::/32', zone: 'office' },
];

const nowhereInACluster = createSharedStores({ environment: {} });

/** A processor, and what a window of these flows says. */
function setUp(block: object, surroundings: Partial<Parameters<typeof sourcesOf>[2]> = {}) {
  const clock = createManualClock();
  const host = createRecordingHost('zone', clock);
  const config = configOf(zone, block);
  const nowhere = 'http://127.0.0.1:1';
  const servers = { aws: nowhere, gcp: nowhere, azure: nowhere };
  const processor = createZone(
    config,
    sourcesOf(config, host, { servers, addresses: () => [], stores: nowhereInACluster, ...surroundings }),
  );
  const tables = createTestFlows();
  return {
    clock,
    host,
    processor,
    values(flows: readonly TestFlow[], ...attributes: readonly string[]) {
      const [table] = processor.flows!(tables(flows));
      if (table?.kind !== 'flows') throw new Error('no flows');
      return attributes.map((attribute) => valuesOf(table, attribute));
    },
  };
}

const flow: TestFlow = { src: '10.1.0.1', dst: '10.2.0.1' };

test('ranges give zone and region of both ends, and the scope', (t) => {
  const { values } = setUp({ cidrs });
  t.deepEqual(
    values(
      [flow, { src: 'fd00:3::1', dst: '10.1.0.1' }, { src: '10.1.0.1', dst: '8.8.8.8' }],
      'src.zone',
      'dst.zone',
      'src.region',
      'dst.region',
      'scope',
    ),
    [
      ['eu-west-1a', 'office', 'eu-west-1a'],
      ['eu-west-1b', 'eu-west-1a', undefined],
      ['eu-west-1', undefined, 'eu-west-1'],
      ['eu-west-1', 'eu-west-1', undefined],
      ['cross_zone', 'cross_zone', 'external'],
    ],
  );
});

test('a flow is between zones when both are known and differ; with count, also when one is not known', (t) => {
  const flows = [flow, { src: '10.1.0.1', dst: '10.1.0.2' }, { src: '10.1.0.1', dst: '10.9.0.1' }];
  t.deepEqual(setUp({ cidrs }).values(flows, 'network.flow.inter_zone'), [[true, false, undefined]]);
  const counting = setUp({ cidrs, unknown_zones: 'count' });
  t.deepEqual(counting.values(flows, 'network.flow.inter_zone'), [[true, false, true]]);
});

/** Google's metadata service, which can be away. */
async function metadataServer(t: ExecutionContext) {
  const state = { away: false, requests: 0 };
  const server = http.createServer((_, response) => {
    state.requests += 1;
    if (state.away) response.writeHead(503).end();
    else response.writeHead(200, { 'Metadata-Flavor': 'Google' }).end('projects/1/zones/us-east1-c');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { state, servers: { aws: 'http://127.0.0.1:1', gcp: url, azure: 'http://127.0.0.1:1' } };
}

test("the cloud's zone is that of this node's own addresses, before any range that holds them", async (t) => {
  const { servers } = await metadataServer(t);
  const addresses = () => ['10.1.0.1', '2001:db8:0:0:0:0:0:1', '127.0.0.1'];
  const { processor, values } = setUp({ cloud: 'auto', cidrs }, { servers, addresses });
  await processor.start?.();
  t.teardown(() => processor.stop?.());
  t.deepEqual(values([flow, { src: '2001:db8::1', dst: '10.1.0.2' }], 'src.zone', 'dst.zone', 'scope'), [
    ['us-east1-c', 'us-east1-c'],
    ['eu-west-1b', 'eu-west-1a'],
    ['cross_region', 'cross_region'],
  ]);
});

test('an address that this node gets or gives back changes its zone within a minute', async (t) => {
  const { servers } = await metadataServer(t);
  let own = ['10.7.0.1'];
  const { processor, values, clock } = setUp({ cloud: 'gcp' }, { servers, addresses: () => own });
  await processor.start?.();
  t.teardown(() => processor.stop?.());
  const flows = [{ src: '10.7.0.1', dst: '10.7.0.2' }];
  t.deepEqual(values(flows, 'src.zone', 'dst.zone'), [['us-east1-c'], [undefined]]);
  own = ['10.7.0.2'];
  clock.advance(60_000);
  await clock.untilSleeping(60_000);
  t.deepEqual(values(flows, 'src.zone', 'dst.zone'), [[undefined], ['us-east1-c']]);
});

test('a cloud that is named and does not answer is a warning, and is asked again', async (t) => {
  const { servers, state } = await metadataServer(t);
  state.away = true;
  const { processor, values, clock, host } = setUp({ cloud: 'gcp' }, { servers, addresses: () => ['10.7.0.1'] });
  await processor.start?.();
  t.teardown(() => processor.stop?.());
  const flows = [{ src: '10.7.0.1', dst: '10.7.0.2' }];
  t.deepEqual(values(flows, 'src.zone'), [[undefined]]);
  for (const away of [true, false]) {
    state.away = away;
    clock.advance(60_000);
    await clock.untilSleeping(60_000);
  }
  t.deepEqual(values(flows, 'src.zone'), [['us-east1-c']]);
  t.is(state.requests, 3);
  t.deepEqual(
    host.log.map(({ level, message }) => `${level} ${message}`),
    ["warn The cloud's metadata does not say where this node is.", 'info The cloud says where this node is.'],
  );
});

test('auto where there is no cloud is said once, and not asked again', async (t) => {
  const { servers, state } = await metadataServer(t);
  state.away = true;
  const { processor, host } = setUp({ cloud: 'auto' }, { servers });
  await processor.start?.();
  await processor.stop?.();
  t.deepEqual(
    host.log.map(({ level }) => level),
    ['info'],
  );
});

test('a wrong range, one without a zone and one that stands twice are named with their place', (t) => {
  t.deepEqual(
    problemsOf(zone, {
      cidrs: [{ cidr: '10.1.0.0/8', zone: 'a' }, { cidr: '10.0.0.0/8' }, { cidr: '::/0', zone: '' }],
    }),
    [
      'cidrs::0::cidr: invalid CIDR address: 10.1.0.0/8: bits are set behind the prefix',
      'cidrs::1::zone: requires a non-empty "zone"',
      'cidrs::2::zone: requires a non-empty "zone"',
    ],
  );
  t.deepEqual(problemsOf(zone, { cidrs: [...cidrs, { cidr: '10.1.0.0/16', zone: 'b' }] }), [
    'cidrs::3: the range 10.1.0.0/16 stands twice, here and at cidrs::0',
  ]);
  t.deepEqual(problemsOf(zone, { cloud: 'azur', unknown_zones: 'yes' }), [
    'cloud: unsupported value "azur"',
    'unknown_zones: unsupported value "yes"',
  ]);
});

test('the label of the node is the zone of the node and of its pods, before any range, and is followed', async (t) => {
  const api = await openKubernetesApi();
  for (const object of shop) api.put(object);
  const { store, stop } = followCluster({ url: api.url });
  await store.health.waitForSync(60_000);
  t.teardown(async () => {
    await stop();
    await api.close();
  });
  const stores = { request: () => ({ start: async () => store, stop: async () => {}, isAlone: true }) };
  const ranges = [{ cidr: '10.0.0.0/8', zone: 'somewhere' }];
  const { processor, values, clock } = setUp({ cidrs: ranges }, { stores });
  clock.advance(Date.now() - Number(clock.nowNs() / 1_000_000n));
  await processor.start?.();
  t.teardown(() => processor.stop?.());
  const flows = [
    { src: '10.244.1.5', dst: '10.244.2.7' },
    { src: '192.168.1.1', dst: '10.244.1.5' },
    { src: '10.96.0.10', dst: '10.9.9.9' },
  ];
  t.deepEqual(values(flows, 'src.zone', 'dst.zone', 'scope'), [
    ['zone-1', 'zone-1', 'somewhere'],
    ['zone-2', 'zone-1', 'somewhere'],
    ['cross_zone', 'same_zone', 'same_zone'],
  ]);
  const labels = { 'topology.kubernetes.io/zone': 'zone-3', 'topology.kubernetes.io/region': 'west' };
  api.put(node({ name: 'node-b', ips: ['192.168.1.2'], labels }));
  await until('it is known', () => store.node('node-b')?.labels['topology.kubernetes.io/zone'] === 'zone-3');
  t.deepEqual(values(flows, 'dst.zone', 'dst.region'), [
    ['zone-3', 'zone-1', 'somewhere'],
    ['west', undefined, undefined],
  ]);
});
