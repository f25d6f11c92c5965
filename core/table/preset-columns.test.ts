import test from 'ava';
import { attributes } from './attributes.ts';
import { lazyColumn } from './dictionary.ts';
import type { NamingPreset } from './flow-table.ts';
import { flowMetrics } from './metrics.ts';
import { createMetricsOfFlows } from './metrics-of-flows.ts';
import { namedColumns } from './preset-columns.ts';
import { protocolNames } from './protocols.ts';
import { createTestTables, pointsOf, type TestRow } from './testing.ts';

const row = (attributes: Readonly<Record<string, string | number | boolean>>): TestRow => ({
  ...attributes,
  bytes: 1,
  packets: 1,
});

/** Points of flow bytes with these attributes, under a preset. */
function points(rows: readonly TestRow[], selected: readonly string[], preset: NamingPreset): readonly string[] {
  const table = createTestTables()(rows, { metricNames: [preset] });
  return createMetricsOfFlows()(table, [{ metric: flowMetrics[0]!, attributes: selected }]).flatMap((made) => [
    ...pointsOf(made).keys(),
  ]);
}

test('transports are in upper case under the presets of Beyla, and in lower case under the conventions', (t) => {
  const rows = ['TCP', 'UDP', 'ICMP', 'ICMPv6', 'SCTP', '254'].map((transport) => row({ transport }));
  const values = (preset: NamingPreset) => points(rows, ['transport'], preset).map((key) => JSON.parse(key)[0]);
  for (const preset of ['beyla', 'obi'] as const) {
    t.deepEqual(
      values(preset),
      ['TCP', 'UDP', 'ICMP', 'ICMPv6', 'SCTP', '254'].map((value) => ['transport', value]),
    );
  }
  t.deepEqual(
    values('otel'),
    ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', '254'].map((value) => ['network.transport', value]),
  );
});

test('what a preset writes in another way stays as many different values, and can be read again', (t) => {
  for (const { values } of attributes) {
    for (const { write, read } of Object.values(values)) {
      t.is(new Set(protocolNames.map(write)).size, protocolNames.length);
      t.deepEqual(protocolNames.map(write).map(read), [...protocolNames]);
    }
  }
});

test('under the conventions a pod has a name as a pod, and a Service or a node has not', (t) => {
  const rows = ['Pod', 'Service', 'Node'].map((type) => row({ 'k8s.dst.name': `a-${type}`, 'k8s.dst.type': type }));
  t.deepEqual(
    points(rows, ['k8s.dst.name', 'k8s.dst.type'], 'otel').map((key) => JSON.parse(key)),
    [
      [
        ['destination.k8s.pod.name', 'a-Pod'],
        ['destination.k8s.resource.type', 'Pod'],
      ],
      [['destination.k8s.resource.type', 'Service']],
      [['destination.k8s.resource.type', 'Node']],
    ],
  );
  t.is(points(rows, ['k8s.dst.name'], 'beyla').length, 3);
  t.deepEqual(points(rows, ['k8s.dst.name'], 'otel'), ['[["destination.k8s.pod.name","a-Pod"]]', '[]']);
});

test('a pod by endpoint is told from a Service by endpoint, through the same codes', (t) => {
  const names = createTestTables()([
    row({ 'k8s.src.name': 'web', 'k8s.src.type': 'Pod' }),
    row({ 'k8s.src.name': 'api', 'k8s.src.type': 'Service' }),
  ]);
  const seen = (attribute: string) => {
    const { dictionary, rows: through } = names.columns.get(attribute)!;
    return { attribute, dictionary, rows: names.ends.src, through };
  };
  const src = Uint32Array.of(0, 1, 1, 7);
  const columns = new Map(['k8s.src.name', 'k8s.src.type'].map((name) => [name, { ...seen(name), rows: src }]));
  const [named] = namedColumns({ ...names, rows: 4, columns }, ['k8s.src.name'], 'otel');
  t.is(named!.name, 'source.k8s.pod.name');
  t.deepEqual(
    Array.from(named!.column.rows, (end) => named!.column.dictionary.at(named!.column.through![end] ?? -1)),
    ['web', undefined, undefined, undefined],
  );
});

test('a column that is computed when first read is not read for its name', (t) => {
  const table = createTestTables()([row({ transport: 'TCP' })]);
  const { attribute, dictionary } = table.columns.get('transport')!;
  let computed = 0;
  const lazy = lazyColumn({ attribute, dictionary }, () => {
    computed++;
    return Uint32Array.of(0);
  });
  const [named] = namedColumns({ ...table, columns: new Map([['transport', lazy]]) }, ['transport'], 'otel');
  t.is(computed, 0);
  t.deepEqual([...named!.column.rows], [0]);
});

test('every metric and attribute leaves under each preset that has a name for it, and sums stay', (t) => {
  const names = attributes.map(({ name }) => name);
  const rows = [
    row(
      Object.fromEntries(
        attributes.filter(({ type }) => type === 'string').map(({ name }) => [name, name.toUpperCase()]),
      ),
    ),
    row({ transport: 'UDP', 'network.flow.inter_zone': true, 'src.zone': 'a', 'dst.zone': 'b' }),
  ];
  const table = createTestTables()(rows, { metricNames: ['beyla', 'otel'], attributes: names });
  const selections = flowMetrics.map((metric) => ({ metric, attributes: names }));
  const made = createMetricsOfFlows()(table, selections);
  const sums = made.map(({ metric, values }) => [metric.name, values.reduce((sum, value) => sum + value, 0)]);
  t.deepEqual(sums.toSorted(), [
    ['beyla.network.flow.bytes', 2],
    ['beyla.network.flow.packets', 2],
    ['beyla.network.inter.zone.bytes', 1],
    ['network.flow.io', 2],
    ['network.flow.packets', 2],
  ]);
  for (const { metric, series } of made) {
    const preset = metric.name.startsWith('beyla') ? 'beyla' : 'otel';
    const olderNames = new Set(
      attributes.flatMap(({ olderNameOf, name }) => (olderNameOf === undefined ? [] : [name])),
    );
    const expected = attributes
      .filter(({ name }) => !olderNames.has(name))
      .flatMap((attribute) => attribute.names[preset] ?? []);
    t.deepEqual(
      series.columns.map(({ name }) => name).filter((name) => !olderNames.has(name)),
      expected,
      metric.name,
    );
  }
});
