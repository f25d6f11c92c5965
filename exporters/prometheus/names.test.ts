import test from 'ava';
import { attributes } from '../../core/table/attributes.ts';
import { flowMetrics } from '../../core/table/metrics.ts';
import { labelName, metricName } from './names.ts';

const plain = { namespace: '', suffixes: true };

test('the metrics of flows have exactly the names that Beyla gives them', (t) => {
  const names = (preset: 'beyla' | 'obi' | 'otel') =>
    flowMetrics.flatMap(({ descriptors }) => descriptors[preset] ?? []).map((metric) => metricName(metric, plain));
  t.deepEqual(names('beyla'), [
    'beyla_network_flow_bytes_total',
    'beyla_network_flow_packets_total',
    'beyla_network_inter_zone_bytes_total',
  ]);
  t.deepEqual(names('obi'), [
    'obi_network_flow_bytes_total',
    'obi_network_flow_packets_total',
    'obi_network_inter_zone_bytes_total',
  ]);
  t.deepEqual(names('otel'), ['network_flow_io_bytes_total', 'network_flow_packets_total']);
});

const translated: readonly (readonly [name: string, unit: string, scraped: string])[] = [
  ['system.filesystem.usage', 'By', 'system_filesystem_usage_bytes_total'],
  ['requests.total', '1', 'requests_total'],
  ['total.requests', '', 'requests_total'],
  ['cpu.time', 's', 'cpu_time_seconds_total'],
  ['io', 'By/s', 'io_bytes_per_second_total'],
  ['broken__name..of-it', '{thing}', 'broken_name_of_it_total'],
  ['2xx.responses', '{response}', '_2xx_responses_total'],
  ['blocks', 'MiBy{decoded}', 'blocks_mebibytes_total'],
  ['distance', 'furlong', 'distance_furlong_total'],
];

for (const [name, unit, scraped] of translated) {
  test(`${name} in "${unit}" is scraped as ${scraped}`, (t) => {
    t.is(metricName({ name, unit }, plain), scraped);
  });
}

test('a namespace goes before the name, and suffixes may be left out', (t) => {
  const metric = { name: 'beyla.network.flow.bytes', unit: 'By' };
  t.is(metricName(metric, { namespace: 'my-team', suffixes: true }), 'my_team_beyla_network_flow_bytes_total');
  t.is(metricName(metric, { namespace: '', suffixes: false }), 'beyla_network_flow_bytes');
  t.is(metricName({ name: 'a.__b', unit: 'By' }, { namespace: 'x', suffixes: false }), 'x_a___b');
});

test('labels are letters, digits and single underscores, and never those of Prometheus itself', (t) => {
  t.is(labelName('k8s.src.owner.name'), 'k8s_src_owner_name');
  t.is(labelName('src-zone..name'), 'src_zone_name');
  t.is(labelName('9lives'), 'key_9lives');
  t.is(labelName('_hidden'), 'key_hidden');
  t.is(labelName('__name__'), 'key_name_');
  t.is(labelName('größe'), 'gr_e');
});

test('no two attributes of the catalogue have the same label', (t) => {
  for (const preset of ['beyla', 'obi', 'otel'] as const) {
    const names = new Set(attributes.flatMap((attribute) => attribute.names[preset] ?? []));
    t.is(new Set([...names].map(labelName)).size, names.size, preset);
  }
});
