import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Settlement } from '../../core/component/define.ts';
import { createAllAttributes } from '../../core/pipeline/all-attributes.ts';
import type { AttributeValue } from '../../core/table/dictionary.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { createTestTables, pointsOf, SECOND_NS, type TestRow, valuesOf } from '../../core/table/testing.ts';
import file from '../../exporters/file/index.ts';
import attributeSelect from '../../processors/attribute_select/index.ts';
import { configOf } from '../../test/support/component-config.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { replayConfig, startReplay } from './test-replay.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-replay-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const choices: Readonly<Record<string, readonly (AttributeValue | undefined)[]>> = {
  'src.address': ['10.0.0.1', '10.0.0.2', 'fd00::1', '192.0.2.7'],
  'dst.address': ['10.0.0.1', '198.51.100.7', '2001:db8::17'],
  'src.name': ['10.0.0.1', 'cart', 'cart.example'],
  'src.port': [undefined, 443, 40_000],
  'server.port': [undefined, 443],
  transport: ['TCP', 'UDP', '253'],
  direction: ['request', 'response', 'unknown'],
  'direction.guessed': [undefined, true],
  iface: ['eth0', 'ens5'],
  'src.zone': ['a', 'b', undefined],
  'dst.zone': ['a', 'b', undefined],
  'k8s.src.owner.name': ['cart', undefined],
  'src.nat.address': [undefined, '10.96.0.1'],
  'sampling.ratio': [undefined, 100],
};

const anyOf = <Item>(items: readonly Item[]): Item => items[Math.floor(Math.random() * items.length)]!;

function randomRows(count: number): TestRow[] {
  return Array.from({ length: count }, () => {
    const attributes = Object.entries(choices).map(([name, values]) => [name, anyOf(values)]);
    const measures = { bytes: Math.floor(Math.random() * 2 ** 40), packets: Math.floor(Math.random() * 1000) };
    const values = Object.fromEntries(attributes);
    const known = values['src.zone'] !== undefined && values['dst.zone'] !== undefined;
    const between = known ? values['src.zone'] !== values['dst.zone'] : undefined;
    return { ...values, 'network.flow.inter_zone': between, ...measures };
  });
}

/** Some of the attributes, so that flows are added up. */
const randomSelection = () => Object.keys(choices).filter(() => Math.random() < 0.4);

/** By window and metric the points as text: equal exactly when all of them are. */
function pointsBy(tables: readonly MetricTable[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const found = new Map<string, Map<string, number>>();
  for (const table of tables) {
    const key = `${table.metric.name} ${table.starts} ${table.endNs} ${JSON.stringify(table.resource.attributes)}`;
    const points = found.get(key) ?? new Map<string, number>();
    found.set(key, points);
    for (const [series, value] of pointsOf(table)) points.set(series, (points.get(series) ?? 0) + value);
  }
  return found;
}

const isMetric = (table: { readonly kind: string }): table is MetricTable => table.kind === 'metric';

async function record(path: string, block: object, tables: readonly FlowTable[]): Promise<void> {
  const exporter = file.create(configOf(file, { path, ...block }), createRecordingHost('file'));
  await exporter.start?.();
  const everything = createAllAttributes();
  for (const table of tables) {
    // A stop waits for so long only, and a loaded machine may need longer.
    const { promise, resolve } = Promise.withResolvers<Settlement>();
    exporter.export(everything.flows!(table).filter(isMetric), resolve);
    if ((await promise) !== 'delivered') throw new Error('the recording is not whole');
  }
  await exporter.stop?.();
}

for (const [format, compression] of [
  ['json', ''],
  ['json', 'zstd'],
  ['proto', ''],
  ['proto', 'zstd'],
] as const) {
  test(`record, replay and select in ${format} ${compression} give the sums of select alone`, async (t) => {
    const createTable = createTestTables();
    const window = (second: bigint) => ({ startNs: second * SECOND_NS, endNs: (second + 5n) * SECOND_NS });
    const resources = ['node-1', 'node-2'].map((name) => ({ attributes: { 'host.name': name, cpus: 8 } }));
    const recorded = [0n, 5n, 20n].flatMap((second) =>
      resources.map((resource) => ({ ...createTable(randomRows(300), { window: window(second) }), resource })),
    );
    const path = join(folder, `${format}${compression}`);
    await record(path, { format, compression }, recorded);
    const host = createRecordingHost('replay');
    const { receiver, tables: played } = startReplay(host, replayConfig(path));
    await receiver.start?.();
    await receiver.ended?.();
    t.is(played.length, recorded.length);
    t.is(host.metric('otelcol_receiver_refused_metric_points'), 0);
    for (let round = 0; round < 10; round++) {
      const include = randomSelection();
      const select = () =>
        attributeSelect.create(
          configOf(attributeSelect, { select: { '*': { include } } }),
          createRecordingHost('select'),
        );
      const [straight, again] = [select(), select()];
      t.deepEqual(
        pointsBy(played.flatMap((table) => again.flows!(table)).filter(isMetric)),
        pointsBy(recorded.flatMap((table) => straight.flows!(table)).filter(isMetric)),
        include.join(),
      );
    }
  });
}

test('windows that were cut into several lines are whole tables again', async (t) => {
  const createTable = createTestTables();
  const rows = Array.from({ length: 30_000 }, (_, i) => ({
    'src.address': `10.0.${i >> 8}.${i & 255}`,
    'dst.address': '192.0.2.1',
    'src.port': i,
    bytes: i,
    packets: 1,
  }));
  const path = join(folder, 'large');
  await record(path, {}, [createTable(rows)]);
  const { receiver, tables } = startReplay(createRecordingHost('replay'), replayConfig(path));
  await receiver.start?.();
  await receiver.ended?.();
  t.deepEqual(
    tables.map(({ rows }) => rows),
    [30_000],
  );
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  t.is(sum(tables[0]!.measures.bytes), (30_000 * 29_999) / 2);
  t.is(sum(tables[0]!.measures.packets), 30_000);
});

test('a recording under several presets is read once, and leaves under the names of the replay', async (t) => {
  const createTable = createTestTables();
  const rows = randomRows(50);
  const path = join(folder, 'presets');
  await record(path, {}, [createTable(rows, { metricNames: ['otel', 'beyla'] })]);
  const host = createRecordingHost('replay');
  const { receiver, tables } = startReplay(host, replayConfig(path, { metric_names: ['obi'] }));
  await receiver.start?.();
  await receiver.ended?.();
  const made = tables.flatMap((table) => createAllAttributes().flows!(table)).filter(isMetric);
  t.deepEqual(
    made.map(({ metric }) => metric.name),
    ['obi.network.flow.bytes', 'obi.network.flow.packets'],
  );
  const total = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  t.is(
    [...pointsOf(made[0]!).values()].reduce((sum, value) => sum + value, 0),
    total,
  );
});

test('what was recorded under the names of the conventions is played under the values of Beyla', async (t) => {
  const row = { 'src.address': '10.0.0.1', 'dst.address': '10.0.0.2', bytes: 1, packets: 1 };
  const rows = ['TCP', 'ICMPv6', '253'].map((transport) => ({ ...row, transport }));
  const path = join(folder, 'otel');
  await record(path, {}, [createTestTables()(rows, { metricNames: ['otel'] })]);
  const { receiver, tables: played } = startReplay(createRecordingHost('replay'), replayConfig(path));
  await receiver.start?.();
  await receiver.ended?.();
  t.deepEqual(played.flatMap((table) => valuesOf(table, 'transport')).toSorted(), ['253', 'ICMPv6', 'TCP']);
});
