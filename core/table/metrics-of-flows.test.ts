import test from 'ava';
import { attributes } from './attributes.ts';
import { flowMetrics } from './metrics.ts';
import { createMetricsOfFlows, MAX_IDLE_SERIES, type MetricSelection } from './metrics-of-flows.ts';
import { createTestTables, pointsOf, SECOND_NS } from './testing.ts';

const both = (...names: string[]): MetricSelection[] => flowMetrics.map((metric) => ({ metric, attributes: names }));
const rows = [
  { 'src.address': 'a', 'server.port': 443, direction: 'request', bytes: 100, packets: 1 },
  { 'src.address': 'b', 'server.port': 443, direction: 'request', bytes: 200, packets: 2 },
  { 'src.address': 'b', 'server.port': undefined, direction: 'unknown', bytes: 400, packets: 4 },
];

test('sums bytes and packets by the attributes chosen, under the names of the preset', (t) => {
  const [bytes, packets] = createMetricsOfFlows()(createTestTables()(rows), both('server.port', 'direction'));
  t.deepEqual(
    [bytes!.metric.name, bytes!.metric.unit, packets!.metric.name, packets!.metric.unit],
    ['beyla.network.flow.bytes', 'By', 'beyla.network.flow.packets', '{packet}'],
  );
  t.deepEqual(
    [...pointsOf(bytes!)],
    [
      ['[["direction","request"],["server.port",443]]', 300],
      ['[["direction","unknown"]]', 400],
    ],
  );
  t.deepEqual([...pointsOf(packets!).values()], [3, 4]);
  t.deepEqual([bytes!.temporality, bytes!.starts, bytes!.endNs], ['delta', [0n], 5n * SECOND_NS]);
});

test('metrics with the same attributes share their series; with others they do not', (t) => {
  const metricsOfFlows = createMetricsOfFlows();
  const table = createTestTables()(rows);
  const [bytes, packets] = metricsOfFlows(table, both('direction'));
  t.is(bytes!.series, packets!.series);
  t.is(bytes!.ids, packets!.ids);
  const [one, other] = metricsOfFlows(table, [
    { metric: flowMetrics[0]!, attributes: ['direction'] },
    { metric: flowMetrics[1]!, attributes: [] },
  ]);
  t.not(one!.series, other!.series);
  t.deepEqual([...pointsOf(other!)], [['[]', 7]]);
});

const ofZones = [
  { 'src.address': 'a', 'network.flow.inter_zone': true, bytes: 1, packets: 1 },
  { 'src.address': 'b', 'network.flow.inter_zone': false, bytes: 2, packets: 1 },
  { 'src.address': 'c', 'network.flow.inter_zone': true, bytes: 4, packets: 1 },
];

test('a metric of some of the rows shares the series of one of all rows where it has the same attributes', (t) => {
  const [bytes, , between] = createMetricsOfFlows()(createTestTables()(ofZones), both('src.address'));
  t.is(between!.series, bytes!.series);
  t.deepEqual(
    [...pointsOf(between!)],
    [
      ['[["src.address","a"]]', 1],
      ['[["src.address","c"]]', 4],
    ],
  );
});

test('a metric of some of the rows alone makes no series of the others', (t) => {
  const selections = [{ metric: flowMetrics[2]!, attributes: ['src.address'] }];
  const [between, ...others] = createMetricsOfFlows()(createTestTables()(ofZones), selections);
  t.deepEqual([between!.series.size, [...between!.values], others.length], [2, [1, 4], 0]);
  const within = ofZones.filter((row) => !row['network.flow.inter_zone']);
  t.deepEqual(createMetricsOfFlows()(createTestTables()(within), selections), []);
});

test('tables come metric by metric of the same rows, each under every preset', (t) => {
  const table = createTestTables()(ofZones, { metricNames: ['beyla', 'obi'] });
  const selections = flowMetrics.map((metric, m) => ({
    metric,
    attributes: m === 1 ? ['direction'] : ['src.address'],
  }));
  t.deepEqual(
    createMetricsOfFlows()(table, selections).map(({ metric }) => metric.name),
    [
      ...['beyla.network.flow.bytes', 'beyla.network.flow.packets', 'obi.network.flow.bytes'],
      ...['obi.network.flow.packets', 'beyla.network.inter.zone.bytes', 'obi.network.inter.zone.bytes'],
    ],
  );
});

test('every preset gets every metric, without the attributes that it has no name for', (t) => {
  const table = createTestTables()(rows, { metricNames: ['beyla', 'otel'] });
  const tables = createMetricsOfFlows()(table, both('src.address', 'direction'));
  t.deepEqual(
    tables.map(({ metric }) => metric.name),
    ['beyla.network.flow.bytes', 'beyla.network.flow.packets', 'network.flow.io', 'network.flow.packets'],
  );
  t.deepEqual(
    [...pointsOf(tables[2]!)],
    [
      ['[["source.address","a"]]', 100],
      ['[["source.address","b"]]', 600],
    ],
  );
});

test('no two attributes have one name in a preset, and every name stands once in the catalogue', (t) => {
  for (const preset of ['beyla', 'obi', 'otel'] as const) {
    const names = attributes.map(({ names }) => names[preset]).filter((name) => name !== null);
    t.is(new Set(names).size, names.length, preset);
  }
});

test('an attribute that the table does not have is left out, and a table without rows makes no metric', (t) => {
  const [bytes] = createMetricsOfFlows()(createTestTables()(rows), both('src.zone'));
  t.deepEqual([...pointsOf(bytes!)], [['[]', 700]]);
  t.deepEqual(createMetricsOfFlows()(createTestTables()([]), both()), []);
});

test('senders in one pipeline keep an index each, as their dictionaries are their own', (t) => {
  const metricsOfFlows = createMetricsOfFlows();
  const row = { 'src.address': '192.0.2.1', bytes: 1, packets: 1 };
  const senders = ['eth0', 'wlan0'].map((name) => {
    const tables = createTestTables();
    const resource = { attributes: { name } };
    return () => metricsOfFlows({ ...tables([row]), resource }, both('src.address'))[0]!.series;
  });
  const first = senders.map((indexOf) => indexOf());
  const second = senders.map((indexOf) => indexOf());
  t.is(first[0], second[0]);
  t.is(first[1], second[1]);
});

test('series keep their index over windows, until dictionaries change or most of it is out of use', (t) => {
  const metricsOfFlows = createMetricsOfFlows();
  const tables = createTestTables();
  const indexAfter = (table: ReturnType<typeof tables>) => metricsOfFlows(table, both('src.port'))[0]!.series;
  const small = tables([{ 'src.port': 1, bytes: 1, packets: 1 }]);
  const first = indexAfter(small);
  t.is(indexAfter(small), first);

  const many = Array.from({ length: MAX_IDLE_SERIES + 1 }, (_, port) => ({ 'src.port': port, bytes: 1, packets: 1 }));
  t.is(indexAfter(tables(many)), first);
  t.is(indexAfter(small), first);
  const next = indexAfter(small);
  t.not(next, first);

  t.not(indexAfter(createTestTables()([{ 'src.port': 1, bytes: 1, packets: 1 }])), next);
});
