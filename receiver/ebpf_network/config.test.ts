import test from 'ava';
import { stringify } from 'yaml';
import { decodeBlock } from '../../core/config/block.ts';
import { FormatError } from '../../core/config/schema.ts';
import { treeOf } from '../../core/config/tree.ts';
import { countedProtocols, type EbpfNetworkConfig, samplingOf, schema } from './config.ts';

type Key = keyof EbpfNetworkConfig;

/** What the component gets for a value as the file has it. */
function read<K extends Key>(key: K, value: unknown): EbpfNetworkConfig[K] {
  const property = schema[key] as { format(value: unknown): EbpfNetworkConfig[K] };
  return property.format(value);
}

/** Messages and fixes for a value that is refused. */
function refusal(key: Key, value: unknown): string {
  try {
    read(key, value);
  } catch (error) {
    if (error instanceof FormatError) return error.problems.map(({ message, fix }) => `${message} | ${fix}`).join('\n');
    throw error;
  }
  return 'taken';
}

test('an empty block takes every default', (t) => {
  const { config, problems } = decodeBlock(schema, undefined);
  t.deepEqual(problems, []);
  const { exclude_interfaces, ...rest } = config;
  t.deepEqual(
    exclude_interfaces.map(({ text }) => text),
    ['lo'],
  );
  t.deepEqual(rest, {
    source: 'tc',
    pin_path: '',
    nat: 'conntrack',
    traffic_control_backend: 'auto',
    sampling: 0,
    tunnels: 'inner',
    deduper: 'first_come',
    deduper_fc_ttl: 0,
    interfaces: [],
    protocols: [],
    exclude_protocols: [],
    direction: 'both',
    cache_max_flows: 131_072,
    cache_active_timeout: 5000,
    guess_ports: 'disable',
    exclude_self: true,
    listen_interfaces: 'watch',
    listen_poll_period: 10_000,
    netns: 'host',
    agent_ip: '',
    agent_ip_iface: 'external',
    agent_ip_type: 'any',
    metric_names: ['beyla'],
    features: ['network', 'network_flow_packets', 'network_inter_zone'],
    instance_id: { dns: true, override_hostname: '' },
    resource_attributes: new Map(),
  });
});

test('protocols go by name in any case, or by number', (t) => {
  t.deepEqual(read('protocols', ['tcp', 'Udp', 'ICMPv6', 'icmpv6', '89']), [6, 17, 58, 58, 89]);
});

const refused: [Key, unknown, RegExp][] = [
  ['protocols', ['TCQ'], /^unknown protocol "TCQ" \| did you mean 'TCP'\?$/],
  ['exclude_protocols', ['quic'], /^unknown protocol "quic" \| /],
  ['protocols', ['256'], /^unknown protocol "256"/],
  ['cache_active_timeout', '0s', /^must be positive/],
  ['cache_active_timeout', '1ms', /^must be from 10ms to 1h, got 1ms/],
  ['cache_active_timeout', '48h', /^must be from 10ms to 1h, got 48h/],
  ['cache_active_timeout', '5', /missing unit/],
  ['listen_interfaces', 'netlink', /unsupported value "netlink" \| one of watch, poll/],
  ['listen_poll_period', '10ms', /^must be from 100ms to 1h, got 10ms/],
  ['listen_poll_period', '2h', /^must be from 100ms to 1h, got 2h/],
  ['cache_max_flows', 0, /must be positive/],
  ['cache_max_flows', 2 ** 25, /must be at most 16777216/],
  ['interfaces', ['/eth(/'], /Invalid regular expression.*\| write a JavaScript regular expression/],
  ['interfaces', [''], /must not be empty/],
  ['source', 'xdp', /unsupported value "xdp" \| one of tc, socket_filter, auto/],
  ['traffic_control_backend', 'xdp', /unsupported value "xdp" \| one of auto, tcx, tc/],
  ['deduper', 'last_come', /unsupported value "last_come" \| one of first_come, none/],
  ['deduper_fc_ttl', '5', /missing unit/],
  ['direction', 'up', /unsupported value "up" \| one of ingress, egress, both/],
  ['agent_ip', '10.0.0', /invalid IP address "10.0.0"/],
  ['agent_ip_iface', 'eth0', /unsupported value "eth0" \| one of external, local, name:eth0/],
  ['agent_ip_type', 'v4', /unsupported value "v4"/],
  ['metric_names', ['beyla', 'otlp'], /unsupported value "otlp" \| one of beyla, obi, otel/],
  ['metric_names', [], /must not be empty/],
];
for (const [key, value, expected] of refused) {
  test(`${key}: ${JSON.stringify(value)} is refused`, (t) => t.regex(refusal(key, value), expected));
}

test('metric_names is one preset or a list of them', (t) => {
  t.deepEqual(read('metric_names', 'otel'), ['otel']);
  t.deepEqual(read('metric_names', ['beyla', 'otel', 'beyla']), ['beyla', 'otel']);
});

test('values are shown again as a user writes them', (t) => {
  const show = (key: Key, value: unknown) => {
    const { format } = schema[key] as { format: { (value: unknown): unknown; print?(value: unknown): unknown } };
    return stringify(format.print?.(format(value))).trim();
  };
  t.is(show('interfaces', ['eth0', '/^veth/']), '- eth0\n- /^veth/');
  t.is(show('protocols', ['tcp', '89']), '- TCP\n- "89"');
  t.is(show('cache_active_timeout', '5s'), '5s');
  t.is(show('metric_names', 'beyla'), 'beyla');
});

test('protocols wins over exclude_protocols, which leaves all the others', (t) => {
  const config = decodeBlock(schema, undefined).config;
  t.is(countedProtocols(config), undefined);
  t.deepEqual(countedProtocols({ ...config, protocols: [6], exclude_protocols: [6, 17] }), [6]);
  const others = countedProtocols({ ...config, exclude_protocols: [6, 17] });
  t.is(others?.length, 254);
  t.false(others?.includes(17));
});

test('sampling takes whole numbers, and 0 is 1', (t) => {
  for (const value of [0, 1, 1_000_000]) t.is(refusal('sampling', value), 'taken');
  t.regex(refusal('sampling', -1), /must be non-negative/);
  t.regex(refusal('sampling', 0.5), /./);
  t.is(refusal('sampling', 2_000_000), 'must be at most 1000000, got 2000000 | count more packets');
  t.deepEqual(
    [0, 1, 50].map((sampling) => samplingOf({ ...decodeBlock(schema, undefined).config, sampling })),
    [1, 1, 50],
  );
});

test('resource_attributes are values, or found ones to leave out; anything else is an error with its place', (t) => {
  const given = { 'deployment.environment.name': 'prod', rack: 7, spare: true, 'host.id': { enabled: false } };
  const { config, problems } = decodeBlock(schema, treeOf({ resource_attributes: given }, 'test'));
  t.deepEqual(problems, []);
  t.deepEqual(config.resource_attributes, new Map(Object.entries(given)));
  const wrong = { list: [1], none: null, more: { enabled: true, value: 1 }, '': 'x' };
  t.deepEqual(
    decodeBlock(schema, treeOf({ resource_attributes: wrong }, 'test')).problems.map(({ path, message }) => [
      path?.slice(1),
      message,
    ]),
    [
      [['list'], 'is no value of an attribute'],
      [['none'], 'is no value of an attribute'],
      [['more', 'value'], 'has invalid keys: value'],
      [[''], 'an attribute has no name'],
    ],
  );
});
