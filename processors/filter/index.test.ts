import test from 'ava';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { flowMetrics } from '../../core/table/metrics.ts';
import { createMetricsOfFlows } from '../../core/table/metrics-of-flows.ts';
import { createTestTables, pointsOf, type TestRow, valuesOf } from '../../core/table/testing.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import filter from './index.ts';

type Block = Readonly<Record<string, unknown>>;

function setUp(block: Block) {
  const host = createRecordingHost('filter');
  const processor = filter.create(configOf(filter, block), host);
  return {
    host,
    flows: (table: FlowTable) => processor.flows!(table)[0] as FlowTable,
    metrics: (tables: readonly MetricTable[]) => processor.metrics!(tables),
    warnings: () => host.log.map(({ message, fields }) => [message, ...Object.values(fields)].join(' | ')),
  };
}

const rows: readonly TestRow[] = [
  { name: 'dns', 'dst.port': 53, transport: 'UDP', 'src.address': '10.0.0.1', bytes: 1, packets: 1 },
  { name: 'web', 'dst.port': 443, transport: 'TCP', 'src.address': '10.0.0.2', bytes: 10, packets: 2 },
  { name: 'tcp dns', 'dst.port': 53, transport: 'TCP', 'src.address': '192.0.2.1', bytes: 100, packets: 3 },
  { name: 'ping', transport: 'ICMP', 'src.address': '10.0.0.1', bytes: 1000, packets: 4 },
];

/** Names of the rows that stay. */
const keptBy = (block: Block) => valuesOf(setUp(block).flows(createTestTables()(rows)), 'name').join(', ');

const cases: readonly (readonly [kept: string, block: Block])[] = [
  ['web, tcp dns, ping', { network: { transport: { not_match: 'UDP' } } }],
  ['dns, tcp dns', { network: { dst_port: { match: '53' } } }],
  ['dns, tcp dns', { network: { 'dst.port': { match: 53 } } }],
  ['web, ping', { network: { 'destination.port': { not_match: '5?' } } }],
  ['tcp dns', { network: { dst_port: { match: '53' }, 'network.transport': { not_match: '{UDP,SCTP}' } } }],
  ['web, tcp dns', { network: { transport: { match: '[!UI]*' } } }],
  ['tcp dns', { network: { dst_port: { match: '53' }, network_transport: { match: 'tcp' } } }],
  ['web, tcp dns, ping', { network: { 'network.transport': { not_match: 'udp' } } }],
  ['', { network: { transport: { match: 'tcp' } } }],
  ['dns, web, tcp dns, ping', { network: { 'src.zone': { not_match: '*' } } }],
  ['', { network: { 'src.zone': { match: '?*' } } }],
  ['dns, web, tcp dns, ping', { network: { 'src.zone': { match: '*' } } }],
  ['web, tcp dns, ping', { metric_conditions: ['attributes["transport"] == "UDP"'] }],
  ['web, ping', { metric_conditions: ['attributes["dst.port"] == 53'] }],
  ['tcp dns', { metric_conditions: ['IsInCIDR(attributes["source.address"], ["10.0.0.0/8"])'] }],
  ['dns, web, tcp dns', { metric_conditions: ['datapoint.attributes["dst.port"] == nil'] }],
  ['web', { metric_conditions: ['attributes["transport"] == "UDP"', 'attributes["dst.port"] != 443'] }],
  [
    'dns, tcp dns, ping',
    { metric_conditions: [{ context: 'datapoint', conditions: ['attributes["dst.port"] == 443'] }] },
  ],
  ['', { metric_conditions: [{ context: 'resource', conditions: ['attributes["service.name"] == "weir"'] }] }],
  ['dns, web, tcp dns, ping', { metric_conditions: ['resource.attributes["service.name"] == "other"'] }],
  [
    'dns, ping',
    { metrics: { datapoint: ['attributes["dst.port"] == 443 or IsMatch(attributes["src.address"], "^192")'] } },
  ],
  ['dns', { metric_conditions: ['not (attributes["transport"] == "UDP" and attributes["dst.port"] == 53)'] }],
  ['web, tcp dns', { network: { transport: { match: 'TCP' } }, metric_conditions: ['attributes["name"] == "ping"'] }],
  ['dns, web, tcp dns, ping', {}],
];

for (const [kept, block] of cases) {
  test(`${JSON.stringify(block)} keeps ${kept === '' ? 'nothing' : kept}`, (t) => {
    t.is(keptBy(block), kept);
  });
}

test('what each rule dropped is counted in flows, bytes and packets', (t) => {
  const { flows, host } = setUp({
    network: { transport: { not_match: 'UDP' } },
    metric_conditions: ['attributes["dst.port"] == 53'],
  });
  const kept = flows(createTestTables()(rows));
  t.deepEqual([...kept.measures.bytes], [10, 1000]);
  const figures = host.text().match(/^otelcol_processor_filter_(flows|bytes|packets)\S+ \d+$/gm);
  t.deepEqual(figures, [
    'otelcol_processor_filter_flows_filtered_total{filter="filter",rule="network::transport"} 1',
    'otelcol_processor_filter_flows_filtered_total{filter="filter",rule="metric_conditions::0"} 1',
    'otelcol_processor_filter_bytes_filtered_total{filter="filter",rule="network::transport"} 1',
    'otelcol_processor_filter_bytes_filtered_total{filter="filter",rule="metric_conditions::0"} 100',
    'otelcol_processor_filter_packets_filtered_total{filter="filter",rule="network::transport"} 1',
    'otelcol_processor_filter_packets_filtered_total{filter="filter",rule="metric_conditions::0"} 3',
  ]);
});

test('behind attribute_select it drops points, in whatever spelling they leave, and metrics without points', (t) => {
  const selections = flowMetrics.map((metric) => ({ metric, attributes: ['transport', 'dst.port'] }));
  const table = createTestTables()(rows, { metricNames: ['beyla', 'otel'] });
  const tables = createMetricsOfFlows()(table, selections);
  const { metrics, host } = setUp({
    network: { dst_port: { not_match: '53' } },
    metric_conditions: [
      'metric.name == "network.flow.packets"',
      'metric.unit == "{packet}" and datapoint.value_int < 4 or datapoint.value_int == 1000',
    ],
  });
  const points = metrics(tables).map((each) => [each.metric.name, ...pointsOf(each)]);
  t.deepEqual(points, [
    ['beyla.network.flow.bytes', ['[["dst.port",443],["transport","TCP"]]', 10]],
    ['beyla.network.flow.packets', ['[["transport","ICMP"]]', 4]],
    ['network.flow.io', ['[["destination.port",443],["network.transport","tcp"]]', 10]],
  ]);
  const figures = host.text().match(/^otelcol_processor_filter_datapoints_filtered_total\S+ \d+$/gm);
  t.deepEqual(
    figures?.map((line) => line.replace(/.*rule=/, '')),
    ['"network::dst_port"} 8', '"metric_conditions::0"} 2', '"metric_conditions::1"} 3'],
  );
});

test('a condition about all points of a metric drops the metric', (t) => {
  const selections = flowMetrics.map((metric) => ({
    metric,
    attributes: metric.measure === 'bytes' ? ['transport'] : [],
  }));
  const tables = createMetricsOfFlows()(createTestTables()(rows), selections);
  const names = (condition: string) =>
    setUp({ metrics: { metric: [condition] } })
      .metrics(tables)
      .map(({ metric }) => metric.name);
  t.deepEqual(names('HasAttrKeyOnDatapoint("transport")'), ['beyla.network.flow.packets']);
  t.deepEqual(names('HasAttrOnDatapoint("network.transport", "UDP")'), ['beyla.network.flow.packets']);
  t.deepEqual(names('HasAttrOnDatapoint("transport", "SCTP")').length, 2);
  t.deepEqual(names('name == "beyla.network.flow.packets" and type == METRIC_DATA_TYPE_SUM and is_monotonic == true'), [
    'beyla.network.flow.bytes',
  ]);
});

test('error_mode says what a condition does that cannot be answered', (t) => {
  const condition = 'HasPrefix(attributes["dst.port"], "5") or attributes["transport"] == "ICMP"';
  const table = createTestTables()(rows);
  const propagating = setUp({ metric_conditions: [condition] });
  t.throws(() => propagating.flows(table), {
    message: /^failed to evaluate the condition metric_conditions::0: .*: HasPrefix: expected string but got int$/,
  });
  const ignoring = setUp({ metric_conditions: [condition], error_mode: 'ignore' });
  t.deepEqual(valuesOf(ignoring.flows(table), 'name'), ['dns', 'web', 'tcp dns']);
  t.is(ignoring.warnings().length, 1);
  t.regex(ignoring.warnings()[0]!, /^failed to eval condition \| metric_conditions::0 \| .* \| 3 \| HasPrefix: /);
  t.is(ignoring.host.metric('otelcol_processor_filter_failures_total'), 3);
  const group = { conditions: [condition], error_mode: 'silent' };
  const silent = setUp({ metric_conditions: [group] });
  t.is(silent.flows(table).rows, 3);
  t.deepEqual(silent.warnings(), []);
});

test('it warns once of attributes that nothing fills or that do not exist, and of rules for other metrics', (t) => {
  const { flows, warnings } = setUp({
    network: { src_zone: { not_match: 'a' } },
    application: { url_path: { match: '/health' } },
    metric_conditions: ['attributes["http.route"] == "/"'],
  });
  const tables = createTestTables();
  flows(tables(rows));
  flows(tables(rows));
  t.deepEqual(warnings(), [
    'filter has a rule for metrics that this build does not have: it decides nothing | application::url_path',
    'filter asks for an attribute that is not in the catalogue | metric_conditions::0 | http.route',
    'filter asks for an attribute that nothing before it fills: it is absent from every row | network::src_zone | src.zone',
    'filter asks for an attribute that nothing before it fills: it is absent from every row | metric_conditions::0 | http.route',
  ]);
});

test('what is wrong with the configuration is said with its place', (t) => {
  const wrong = (block: Block) => problemsOf(filter, block).join('\n');
  t.regex(wrong({ network: { transprot: { match: 'UDP' } } }), /^network::transprot: unknown attribute "transprot"$/);
  t.regex(wrong({ network: { transport: { match: 'a', not_match: 'b' } } }), /has both match and not_match/);
  t.regex(wrong({ network: { transport: {} } }), /needs match or not_match/);
  t.regex(wrong({ network: { transport: { match: '{a' } } }), /syntax error in pattern "{a"/);
  t.regex(
    wrong({ network: { src_port: { match: '1' }, 'src.port': { match: '2' } } }),
    /"src.port" and "src_port" are the same attribute/,
  );
  t.regex(
    wrong({ metric_conditions: ['true'], metrics: { datapoint: ['true'] } }),
    /cannot use context inferred metric conditions "metric_conditions" and the settings "metrics.datapoint" at the same time/,
  );
  t.regex(wrong({ metric_conditions: [{ context: 'point', conditions: [] }] }), /unsupported value "point"/);
  t.regex(
    wrong({ metric_conditions: [{ condition: [] }] }),
    /^metric_conditions::0::condition: has invalid keys: condition$/,
  );
  t.regex(wrong({ metric_conditions: 'true' }), /expected type 'slice'/);
  t.regex(wrong({ error_mode: 'drop' }), /unsupported value "drop"/);
});
