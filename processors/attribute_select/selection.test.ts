import test from 'ava';
import type { Condition } from '../../core/table/attributes.ts';
import { flowMetrics } from '../../core/table/metrics.ts';
import {
  attributesNamed,
  globPattern,
  metricsNamed,
  normalizedMetric,
  type Section,
  selectedAttributes,
} from './selection.ts';

const [flowBytes, flowPackets, interZoneBytes] = [flowMetrics[0]!, flowMetrics[1]!, flowMetrics[2]!];

const ends = (...names: string[]) =>
  names.flatMap((name) => [name.replace('{end}', 'src'), name.replace('{end}', 'dst')]);

/** What Beyla fills without Kubernetes and address ranges. */
const plain = [
  ...ends('{end}.address', '{end}.name', '{end}.port', '{end}.zone'),
  ...['beyla.ip', 'client.port', 'server.port', 'transport', 'direction', 'iface', 'iface.direction'],
];
const kubernetes = [
  ...plain,
  'k8s.cluster.name',
  ...ends('k8s.{end}.namespace', 'k8s.{end}.owner.name', 'k8s.{end}.owner.type', 'k8s.{end}.name', 'k8s.{end}.type'),
  ...ends('k8s.{end}.node.name', 'k8s.{end}.node.ip'),
];

/** The selection for flow bytes among what a pipeline fills, sorted. */
function select(
  filled: readonly string[],
  conditions: readonly Condition[],
  sections: Readonly<Record<string, Partial<Section>>>,
): readonly string[] {
  const whole = Object.entries(sections).map(([key, lists]) => [key, { include: [], exclude: [], ...lists }] as const);
  const selected = selectedAttributes(new Map(whole), flowBytes, new Set(['always', ...conditions]));
  return selected.filter((name) => filled.includes(name)).toSorted();
}

test('without a section a metric keeps the defaults', (t) => {
  t.deepEqual(select(plain, [], {}), ['direction']);
  t.deepEqual(select(kubernetes, ['kubernetes'], {}), [
    'direction',
    'k8s.cluster.name',
    'k8s.dst.namespace',
    'k8s.dst.owner.name',
    'k8s.dst.owner.type',
    'k8s.src.namespace',
    'k8s.src.owner.name',
    'k8s.src.owner.type',
  ]);
});

test('includes replace the defaults, then excludes take away, in dots or underscores', (t) => {
  const section = { include: ['beyla_ip', 'src.*', 'k8s.*'], exclude: ['k8s_*_name', 'k8s.*.type', '*zone'] };
  t.deepEqual(select(kubernetes, ['kubernetes'], { beyla_network_flow_bytes: section }), [
    'beyla.ip',
    'k8s.dst.namespace',
    'k8s.dst.node.ip',
    'k8s.src.namespace',
    'k8s.src.node.ip',
    'src.address',
    'src.name',
    'src.port',
  ]);
});

test('sections act in alphabetic order, so a later include brings back what an earlier one excluded', (t) => {
  const sections = {
    beyla_network_flow_bytes: { include: ['src.*', 'k8s.*'], exclude: ['k8s.*.name', '*zone'] },
    '*': { include: ['beyla_ip'], exclude: ['k8s_*_type'] },
  };
  t.deepEqual(select(kubernetes, ['kubernetes'], sections), [
    'beyla.ip',
    'k8s.dst.namespace',
    'k8s.dst.node.ip',
    'k8s.dst.owner.type',
    'k8s.dst.type',
    'k8s.src.namespace',
    'k8s.src.node.ip',
    'k8s.src.owner.type',
    'k8s.src.type',
    'src.address',
    'src.name',
    'src.port',
  ]);
});

test('sections that only exclude take away from the defaults', (t) => {
  const sections = {
    '*': { exclude: ['*dst*'] },
    beyla_network_flow_bytes: { exclude: ['k8s.*.namespace', '*zone'] },
  };
  const filled = [...kubernetes, 'src.cidr', 'dst.cidr'];
  t.deepEqual(select(filled, ['kubernetes', 'cidrs'], sections), [
    'direction',
    'k8s.cluster.name',
    'k8s.src.owner.name',
    'k8s.src.owner.type',
    'src.cidr',
  ]);
});

test('section names may be globs of several widths', (t) => {
  const sections = {
    '*': { include: ['*'] },
    'beyla_network_*': { exclude: ['dst.*', 'transport', '*direction', 'iface', '*zone'] },
    beyla_network_flow_bytes: { include: ['dst.name'] },
  };
  const expected = ['beyla.ip', 'client.port', 'dst.name', 'server.port', 'src.address', 'src.name', 'src.port'];
  t.deepEqual(select(plain, [], sections), expected);
});

test('what nothing fills and what does not exist are left out', (t) => {
  const section = { include: ['target.instance', 'beyla_ip', 'src.*', 'k8s.*'], exclude: ['src.port', '*zone'] };
  t.deepEqual(select(plain, [], { beyla_network_flow_bytes: section }), ['beyla.ip', 'src.address', 'src.name']);
});

test('the same metric may be named in every preset, with or without the suffixes of Prometheus', (t) => {
  t.is(normalizedMetric('beyla_network_flow_bytes'), 'beyla.network.flow');
  t.is(normalizedMetric('some.other.metric_sum'), 'some.other.metric');
  t.is(normalizedMetric('tralari.tralara.total'), 'tralari.tralara');
  const names = ['beyla_network_flow_bytes_total', 'beyla.network.flow', 'obi.network.flow.bytes', 'network_flow_io'];
  for (const name of names) t.deepEqual(metricsNamed(name), [flowBytes], name);
  t.deepEqual(metricsNamed('obi_network_flow_packets_total'), [flowPackets]);
  t.deepEqual(metricsNamed('*'), [flowBytes, flowPackets, interZoneBytes]);
  t.deepEqual(metricsNamed('beyla_network_inter_zone_bytes_total'), [interZoneBytes]);
  t.deepEqual([...metricsNamed('sql_client_duration'), ...metricsNamed('http_**')], []);
});

test('an attribute may be named in every preset; a glob stays in the first preset in which it names anything', (t) => {
  for (const name of ['src.address', 'src_address', 'source.address'])
    t.deepEqual(attributesNamed(name), ['src.address']);
  t.deepEqual(attributesNamed('obi_ip'), ['beyla.ip']);
  t.deepEqual(attributesNamed('network.transport'), ['transport']);
  t.false(attributesNamed('*.name').includes('iface'));
  t.deepEqual(attributesNamed('k8s.src.owner.*'), ['k8s.src.owner.name', 'k8s.src.owner.type']);
  t.deepEqual(attributesNamed('srk.*'), []);
});

test('the namespaces of Beyla 1 are selected by their whole names, and no glob adds them', (t) => {
  t.deepEqual(attributesNamed('src_namespace'), ['src.namespace']);
  t.deepEqual(attributesNamed('dst.namespace'), ['dst.namespace']);
  t.false(attributesNamed('src.*').includes('src.namespace'));
  t.false(attributesNamed('*').includes('dst.namespace'));
});

test('globs know stars, question marks, classes and escapes, and nothing else', (t) => {
  const matches = (glob: string, name: string) => globPattern(glob)?.test(name);
  t.true(matches('s?c.port', 'src_port'));
  t.true(matches('[sd][^x][ct].port', 'src_port'));
  t.false(matches('[a-c]rc', 'src'));
  t.true(matches('a\\*', 'a*'));
  t.false(matches('a\\*', 'ab'));
  t.true(matches('a+(b|c){1}$', 'a+(b|c){1}$'));
  t.false(matches('src', 'src_port'));
  for (const malformed of ['[abc', 'a[', 'a\\', '[z-a]', '[]']) t.is(globPattern(malformed), undefined, malformed);
});
