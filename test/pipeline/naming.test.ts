/** Tables of a receiver through a configured pipeline that names both ends by range, zone and DNS: points out. */

import test, { type ExecutionContext } from 'ava';
import type { TestFlow } from '../../core/table/testing.ts';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { startTablePipeline } from '../support/table-pipeline.ts';

const ATTRIBUTES = ['src.cidr', 'dst.cidr', 'src.name', 'dst.name', 'src.zone', 'dst.zone', 'src.region', 'scope'];

async function setUp(t: ExecutionContext, processors: string, { address }: Pick<NameServer, 'address'>) {
  const { points } = await startTablePipeline(
    t,
    `
  cidr: {cidrs: [10.0.0.0/8, {cidr: 10.2.0.0/16, name: shop}, 2001:db8::/32]}
  zone:
    cidrs:
      - {cidr: 10.1.0.0/16, zone: eu-west-1a, region: eu-west-1}
      - {cidr: 10.2.0.0/16, zone: eu-west-1b, region: eu-west-1}
      - {cidr: 2001:db8::/32, zone: us-east-1a, region: us-east-1}
  reverse_dns: {servers: ['${address}']}
  attribute_select:
  attribute_select/all:
    select: {'*': {include: [${ATTRIBUTES.join(', ')}]}}`,
    processors,
  );
  return points;
}

const names: Readonly<Record<string, string>> = { '8.8.8.8': 'dns.example', '10.2.0.1': 'checkout.shop.example' };
const nameServer = async (t: ExecutionContext) => {
  const server = await startNameServer((address) =>
    names[address] === undefined ? { code: 'nxdomain' } : { names: [names[address]] },
  );
  t.teardown(server.close);
  return server;
};

const recorded: readonly TestFlow[] = [
  { src: '10.1.0.1', dst: '10.2.0.1', bytes: 1000, packets: 10 },
  { src: '10.1.0.2', dst: '10.2.0.1', bytes: 200, packets: 2 },
  { src: '10.2.0.1', dst: '10.1.0.1', bytes: 30_000, packets: 30 },
  { src: '10.1.0.1', dst: '10.1.0.2', bytes: 5, packets: 1 },
  { src: '10.1.0.1', dst: '8.8.8.8', bytes: 70, packets: 1 },
  { src: '2001:db8::1', dst: '2001:db8::2', bytes: 60, packets: 1 },
  { src: '192.168.0.1', dst: '10.2.0.1', bytes: 4, packets: 1 },
];

test('with ranges the default selection shows them, and with zones there are inter-zone bytes', async (t) => {
  const run = await setUp(t, 'cidr, zone, attribute_select', { address: '127.0.0.1' });
  const metrics = run(recorded);
  t.deepEqual(
    [...metrics.keys()],
    ['beyla.network.flow.bytes', 'beyla.network.flow.packets', 'beyla.network.inter.zone.bytes'],
  );
  const key = (dst: string, src: string) =>
    JSON.stringify([...(dst && [['dst.cidr', dst]]), ['direction', 'request'], ...(src && [['src.cidr', src]])].sort());
  t.deepEqual(
    metrics.get('beyla.network.flow.bytes'),
    new Map([
      [key('shop', '10.0.0.0/8'), 1200],
      [key('10.0.0.0/8', 'shop'), 30_000],
      [key('10.0.0.0/8', '10.0.0.0/8'), 5],
      [key('', '10.0.0.0/8'), 70],
      [key('2001:db8::/32', '2001:db8::/32'), 60],
      [key('shop', ''), 4],
    ]),
  );
  t.deepEqual(
    metrics.get('beyla.network.inter.zone.bytes'),
    new Map([
      ['[["dst.zone","eu-west-1b"],["src.zone","eu-west-1a"]]', 1200],
      ['[["dst.zone","eu-west-1a"],["src.zone","eu-west-1b"]]', 30_000],
    ]),
  );
});

test('without them the default selection is the direction alone, and there is no inter-zone metric', async (t) => {
  const run = await setUp(t, 'attribute_select', { address: '127.0.0.1' });
  const metrics = run(recorded);
  t.deepEqual([...metrics.keys()], ['beyla.network.flow.bytes', 'beyla.network.flow.packets']);
  t.deepEqual([...metrics.get('beyla.network.flow.bytes')!.keys()], ['[["direction","request"]]']);
});

test('names by DNS arrive in a later window, beside range, zone and scope', async (t) => {
  const server = await nameServer(t);
  const run = await setUp(t, 'cidr, zone, reverse_dns, attribute_select/all', server);
  const flow = [recorded[0]!];
  const keyOf = (dstName: string) =>
    JSON.stringify([
      ['dst.cidr', 'shop'],
      ['dst.name', dstName],
      ['dst.zone', 'eu-west-1b'],
      ['scope', 'cross_zone'],
      ['src.cidr', '10.0.0.0/8'],
      ['src.name', '10.1.0.1'],
      ['src.region', 'eu-west-1'],
      ['src.zone', 'eu-west-1a'],
    ]);
  const points = () => [...run(flow).get('beyla.network.flow.bytes')!.keys()];
  t.deepEqual(points(), [keyOf('10.2.0.1')]);
  while (points()[0] === keyOf('10.2.0.1')) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(points(), [keyOf('checkout.shop.example')]);
  t.deepEqual([...server.asked].sort(), ['10.1.0.1', '10.2.0.1']);
});

test('whatever is named, bytes and packets stay as they were, and inter-zone bytes are those between two zones', async (t) => {
  const server = await nameServer(t);
  const run = await setUp(t, 'cidr, zone, reverse_dns, attribute_select/all', server);
  let state = 3;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const zones: readonly (readonly [prefix: string, zone: string | undefined])[] = [
    ['10.1.0.', 'eu-west-1a'],
    ['10.2.0.', 'eu-west-1b'],
    ['10.3.0.', undefined],
    ['198.51.100.', undefined],
    ['2001:db8::', 'us-east-1a'],
  ];
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  for (let window = 0; window < 40; window++) {
    let between = 0;
    const flows = Array.from({ length: 1 + random(400) }, (): TestFlow => {
      const [[from, src], [to, dst]] = [zones[random(zones.length)]!, zones[random(zones.length)]!];
      const bytes = random(2 ** 24) * 2 ** 12;
      if (src !== undefined && dst !== undefined && src !== dst) between += bytes;
      return { src: `${from}${random(50)}`, dst: `${to}${random(50)}`, bytes, packets: random(2 ** 20) };
    });
    const metrics = run(flows);
    t.is(sum(metrics.get('beyla.network.flow.bytes')!.values()), sum(flows.map(({ bytes }) => bytes!)));
    t.is(sum(metrics.get('beyla.network.flow.packets')!.values()), sum(flows.map(({ packets }) => packets!)));
    t.is(sum(metrics.get('beyla.network.inter.zone.bytes')?.values() ?? []), between);
    await new Promise((resolve) => setImmediate(resolve));
  }
});
