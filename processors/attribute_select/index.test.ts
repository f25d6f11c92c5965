import test from 'ava';
import type { Host } from '../../core/component/define.ts';
import { decodeBlock } from '../../core/config/block.ts';
import { treeOf } from '../../core/config/tree.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import type { Feature } from '../../core/table/metrics.ts';
import { createTestTables, pointsOf, type TestRow } from '../../core/table/testing.ts';
import { systemClock } from '../../core/telemetry/clock.ts';
import { createLogger, type Logger } from '../../core/telemetry/log.ts';
import { createRegistry } from '../../core/telemetry/registry.ts';
import attributeSelect from './index.ts';

type Block = Readonly<Record<string, unknown>>;

function setUp(block: Block) {
  const { config, problems } = decodeBlock(attributeSelect.config, treeOf(block, 'test'));
  const warnings: string[] = [];
  const logger: Logger = {
    ...createLogger(),
    warn: (message, fields) => warnings.push([message, ...Object.values(fields ?? {})].join(' ')),
  };
  const host: Host = {
    id: 'attribute_select',
    logger,
    metrics: createRegistry(),
    clock: systemClock,
    build: { command: 'weir', version: '0.1.0' },
  };
  const processor = attributeSelect.create(config, host);
  return {
    problems: [...problems, ...(attributeSelect.validate?.(config) ?? [])],
    warnings,
    flows: (table: Parameters<NonNullable<typeof processor.flows>>[0]) => processor.flows!(table) as MetricTable[],
  };
}

const problemsOf = (block: Block) =>
  setUp(block).problems.map(({ path, message, fix }) => `${path?.join('::')}: ${message} (${fix})`);

const row: TestRow = { 'src.address': 'a', 'dst.address': 'b', direction: 'request', bytes: 60, packets: 1 };

test('without a selection the metrics keep the direction alone', (t) => {
  const tables = setUp({}).flows(createTestTables()([row, { ...row, 'src.address': 'c' }]));
  t.deepEqual(
    tables.map((table) => [table.metric.name, ...pointsOf(table)]),
    [
      ['beyla.network.flow.bytes', ['[["direction","request"]]', 120]],
      ['beyla.network.flow.packets', ['[["direction","request"]]', 2]],
    ],
  );
});

test('where every interface counts a packet, the metrics keep the interface and its direction too', (t) => {
  const attributes = { iface: 'eth0', 'iface.direction': 'ingress' };
  const [bytes] = setUp({}).flows(createTestTables()([{ ...row, ...attributes }], { everyInterface: true }));
  t.deepEqual(
    [...pointsOf(bytes!).keys()],
    ['[["direction","request"],["iface","eth0"],["iface.direction","ingress"]]'],
  );
});

test('each metric has its own selection', (t) => {
  const { flows, problems } = setUp({ select: { beyla_network_flow_packets: { include: ['dst.*'] } } });
  t.deepEqual(problems, []);
  const [bytes, packets] = flows(createTestTables()([row]));
  t.deepEqual([...pointsOf(bytes!).keys()], ['[["direction","request"]]']);
  t.deepEqual([...pointsOf(packets!).keys()], ['[["dst.address","b"]]']);
});

test('an attribute that does not exist is an error with a suggestion', (t) => {
  t.deepEqual(problemsOf({ select: { 'beyla.network.flow.bytes': { include: ['transport', 'src_adress'] } } }), [
    `select::beyla.network.flow.bytes::include::1: unknown attribute "src_adress" (did you mean 'src.address'?)`,
  ]);
  t.regex(
    problemsOf({ select: { '*': { exclude: ['geo.*'] } } })[0]!,
    /unknown attribute "geo\.\*" \(known attributes: /,
  );
});

test('with strict off an attribute that does not exist is a warning', (t) => {
  const { problems, warnings } = setUp({ strict: false, select: { '*': { include: ['src_adress'] } } });
  t.deepEqual(problems, []);
  t.deepEqual(warnings, ["select names an attribute that does not exist * src_adress did you mean 'src.address'?"]);
});

test('a malformed glob and an unknown key are errors', (t) => {
  t.deepEqual(problemsOf({ select: { '[': {} } }), ['select::[: syntax error in pattern "[" (close the bracket)']);
  t.deepEqual(problemsOf({ select: { '*': { include: ['[a'] } } }), [
    'select::*::include::0: syntax error in pattern "[a" (close the bracket)',
  ]);
  const { problems } = decodeBlock(attributeSelect.config, treeOf({ select: { '*': { includes: [] } } }, 'test'));
  t.deepEqual(
    problems.map(({ path, message, fix }) => [path?.join('::'), message, fix]),
    [['select::*::includes', 'has invalid keys: includes', "did you mean 'include'?"]],
  );
});

test('a section for a metric of another signal is a warning, whatever it names', (t) => {
  const { problems, warnings } = setUp({
    select: { sql_client_duration: { include: ['*'], exclude: ['db_statement'] } },
  });
  t.deepEqual(problems, []);
  t.deepEqual(warnings, ['select has a section for a metric that this build does not have sql_client_duration']);
});

test('an attribute that nothing fills is absent, with one warning', (t) => {
  const { flows, warnings } = setUp({ select: { '*': { include: ['direction', 'src.zone', 'k8s.*'] } } });
  const tables = createTestTables();
  flows(tables([row]));
  t.deepEqual([...pointsOf(flows(tables([row]))[0]!).keys()], ['[["direction","request"]]']);
  t.deepEqual(warnings, ['select includes an attribute that nothing in the pipeline fills: it is left out src.zone']);
});

test('an attribute without a name in the chosen preset is left out, with a warning', (t) => {
  const { flows, warnings } = setUp({ select: { '*': { include: ['direction'] } } });
  const [bytes] = flows(createTestTables()([row], { metricNames: ['otel'] }));
  t.deepEqual([...pointsOf(bytes!)], [['[]', 60]]);
  t.deepEqual(warnings, [
    'select includes an attribute that the chosen metric_names have no name for: it is left out direction',
  ]);
});

test('the old name of a namespace has the values of the new one, and leaves beside it', (t) => {
  const { flows, warnings } = setUp({ select: { '*': { include: ['src.namespace', 'k8s.src.namespace'] } } });
  const named = { ...row, 'k8s.src.namespace': 'shop' };
  t.deepEqual(
    [...pointsOf(flows(createTestTables()([named]))[0]!)],
    [['[["k8s.src.namespace","shop"],["src.namespace","shop"]]', 60]],
  );
  t.deepEqual(warnings, []);
});

test('a section for inter-zone bytes where nothing knows zones is a warning, once', (t) => {
  const { flows, warnings } = setUp({ select: { beyla_network_inter_zone_bytes: { include: ['direction'] } } });
  const tables = createTestTables();
  for (let window = 0; window < 2; window++) t.is(flows(tables([row])).length, 2);
  t.deepEqual(warnings, [
    'select has a section for a metric that nothing in the pipeline makes beyla.network.inter.zone.bytes',
  ]);
});

test('inter-zone bytes are made of the flows between two zones alone, by zone, and leave where a preset names them', (t) => {
  const rows = [
    { ...row, 'src.zone': 'a', 'dst.zone': 'b', 'network.flow.inter_zone': true },
    { ...row, 'src.zone': 'a', 'dst.zone': 'b', direction: 'response', 'network.flow.inter_zone': true },
    { ...row, 'src.zone': 'a', 'dst.zone': 'a', 'network.flow.inter_zone': false },
    { ...row, 'src.zone': 'a' },
  ];
  const made = setUp({}).flows(createTestTables()(rows, { metricNames: ['beyla', 'obi', 'otel'] }));
  t.deepEqual(
    made.filter(({ metric }) => metric.name.includes('zone')).map((table) => [table.metric.name, ...pointsOf(table)]),
    ['beyla', 'obi'].map((preset) => [
      `${preset}.network.inter.zone.bytes`,
      ['[["dst.zone","b"],["src.zone","a"]]', 120],
    ]),
  );
  const otel = made.find(({ metric }) => metric.name === 'network.flow.io');
  t.deepEqual(
    [...pointsOf(otel!)],
    [
      ['[["network.flow.inter_zone",true]]', 120],
      ['[["network.flow.inter_zone",false]]', 60],
      ['[]', 60],
    ],
  );
});

test('a section for inter-zone bytes under a preset that tells them by an attribute is a warning', (t) => {
  const zones = { ...row, 'src.zone': 'a', 'dst.zone': 'b', 'network.flow.inter_zone': true };
  const block = { select: { beyla_network_inter_zone_bytes: { include: ['src.zone'] } }, metric_names: 'otel' };
  const { flows, warnings } = setUp(block);
  t.deepEqual(
    flows(createTestTables()([zones])).map(({ metric }) => metric.name),
    ['network.flow.io', 'network.flow.packets'],
  );
  t.deepEqual(warnings, [
    'select has a section for a metric that the chosen metric_names do not have beyla.network.inter.zone.bytes',
  ]);
});

test('a section for the agent leaves out attributes of the resource, and is no selection of a metric', (t) => {
  const attributes = { 'service.name': 'weir', 'host.id': 'f00d', 'host.name': 'web-1', team: 'net' };
  const resourceOf = (select: Block) => {
    const { flows, problems, warnings } = setUp({ select });
    t.deepEqual([...problems, ...warnings], []);
    const table = { ...createTestTables()([row]), resource: { attributes } };
    const [first, again] = [flows(table)[0]!, flows(table)[0]!];
    t.deepEqual([...pointsOf(first).keys()], ['[["direction","request"]]']);
    t.is(first.resource, again.resource, 'one sender stays one');
    return first.resource.attributes;
  };
  t.deepEqual(resourceOf({ beyla_network: { exclude: ['host_id', 'team'] } }), {
    'service.name': 'weir',
    'host.name': 'web-1',
  });
  t.deepEqual(resourceOf({ 'network.': { include: ['service.*', 'host.*'], exclude: ['*.id'] } }), {
    'service.name': 'weir',
    'host.name': 'web-1',
  });
});

test('the old list is what bytes and packets keep, and stands for itself', (t) => {
  const { flows, problems } = setUp({ allowed_attributes: ['src_address', 'transport'] });
  t.deepEqual(problems, []);
  for (const table of flows(createTestTables()([{ ...row, transport: 'TCP' }]))) {
    t.deepEqual([...pointsOf(table).keys()], ['[["src.address","a"],["transport","TCP"]]']);
  }
  t.deepEqual(problemsOf({ allowed_attributes: ['transport'], select: { '*': { include: ['transport'] } } }), [
    'allowed_attributes: cannot be used together with select (write the list as include of a section of select)',
  ]);
  t.deepEqual(problemsOf({ allowed_attributes: ['transport', 'src.adress'] }), [
    `allowed_attributes::1: unknown attribute "src.adress" (did you mean 'src.address'?)`,
  ]);
  t.deepEqual(problemsOf({ allowed_attributes: ['src.adress'], strict: false }), []);
});

test('features say which metrics are made, and those of the processor win over those of the receiver', (t) => {
  const made = (block: Block, features: readonly Feature[]) =>
    setUp(block)
      .flows({ ...createTestTables()([row]), features })
      .map(({ metric }) => metric.name);
  t.deepEqual(made({}, ['network']), ['beyla.network.flow.bytes']);
  t.deepEqual(made({ features: ['network_flow_packets'] }, ['network']), ['beyla.network.flow.packets']);
  t.deepEqual(made({ features: ['all'] }, ['network']), ['beyla.network.flow.bytes', 'beyla.network.flow.packets']);
  t.deepEqual(made({}, []), ['beyla.network.flow.bytes', 'beyla.network.flow.packets']);
});

test('metric_names of the processor win over those of the receiver', (t) => {
  const made = (block: Block) =>
    setUp(block)
      .flows(createTestTables()([row]))
      .map(({ metric }) => metric.name);
  t.deepEqual(made({ metric_names: 'obi' }), ['obi.network.flow.bytes', 'obi.network.flow.packets']);
  t.deepEqual(made({ metric_names: ['otel', 'beyla'], features: ['network'] }), [
    'network.flow.io',
    'beyla.network.flow.bytes',
  ]);
});
