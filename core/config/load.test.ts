// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration's own references look like this

import test from 'ava';
import { WeirError } from '../errors.ts';
import { good, load, reports, source } from './components.fake.ts';

test('resolves components with defaults, pipelines and telemetry', (t) => {
  const config = load();
  t.like(config.receivers[0], { id: 'ebpf_network', type: 'ebpf_network' });
  t.is(config.receivers[0]?.placeOf(['interfaces']), 'yaml:1:13');
  t.is(config.receivers[0]?.definition, source);
  t.deepEqual(config.receivers[0]?.config, { interfaces: [], cache_max_flows: 131072 });
  t.deepEqual(config.exporters[0]?.config, {
    endpoint: 'localhost:4317',
    timeout: 5000,
    headers: {},
    tls: { insecure: false, ca_file: '' },
  });
  t.deepEqual(config.pipelines, [
    {
      id: 'metrics',
      signal: 'metrics',
      receivers: ['ebpf_network'],
      processors: ['cidr'],
      exporters: ['otlp_grpc'],
      place: 'yaml:4:23',
    },
  ]);
  t.deepEqual(config.telemetry, {
    logs: { level: 'info', encoding: 'console' },
    metrics: { level: 'normal', host: 'localhost', port: 8888 },
  });
  t.deepEqual(config.warnings, []);
});

test('an unknown key is reported in upstream words, with its place and the key that was meant', (t) => {
  t.deepEqual(reports({ processors: 'processors:\n  cidr:\n    cidr: [10.0.0.0/8]\n' }), [
    "error decoding 'processors': error decoding 'cidr': has invalid keys: cidr\n" +
      "  yaml:4:5  processors::cidr::cidr   did you mean 'cidrs'?   [config/unknown-key]",
  ]);
});

test('unknown keys are found at every level', (t) => {
  t.deepEqual(
    reports({
      exporters: 'exporters: {otlp_grpc: {endpoint: a, tls: {insecur: true, a.b: 1}}}\n',
      service: `${good.service.trimEnd().slice(0, -1)}, telemetry: {metrics: {address: x}, traces: {}}, pipeline: {}}\n`,
      more: 'recievers: {}\n',
    }),
    [
      "cannot unmarshal the configuration: has invalid keys: recievers\n  yaml:5:1  recievers   did you mean 'receivers'?   [config/unknown-key]",
      "error decoding 'exporters': error decoding 'otlp_grpc': 'tls' has invalid keys: insecur\n  yaml:3:44  exporters::otlp_grpc::tls::insecur   did you mean 'insecure'?   [config/unknown-key]",
      "error decoding 'exporters': error decoding 'otlp_grpc': 'tls' has invalid keys: a.b\n  yaml:3:59  exporters::otlp_grpc::tls::a.b   known keys: insecure, ca_file   [config/unknown-key]",
      "error decoding 'service': 'telemetry.metrics' has invalid keys: address\n  yaml:4:128  service::telemetry::metrics::address   known keys: level, readers   [config/unknown-key]",
      "error decoding 'service': 'telemetry' has invalid keys: traces\n  yaml:4:141  service::telemetry::traces   known keys: logs, metrics   [config/unknown-key]",
      "error decoding 'service': has invalid keys: pipeline\n  yaml:4:154  service::pipeline   did you mean 'pipelines'?   [config/unknown-key]",
    ],
  );
});

test('a key that lives elsewhere is refused with the place where it lives', (t) => {
  const [report = ''] = reports({ receivers: 'receivers: {ebpf_network: {cidrs: [10.0.0.0/8]}}\n' });
  t.true(report.includes('it lives elsewhere: the `cidr` processor'), report);
});

test('wrong values are reported at their key or list item', (t) => {
  t.deepEqual(
    reports({
      receivers: 'receivers: {ebpf_network: {interfaces: [eth0, 1], cache_max_flows: 7x}}\n',
      exporters: 'exporters: {otlp_grpc: {endpoint: a, timeout: 5, tls: yes}}\n',
    }).map((report) => report.split('   ')[0]),
    [
      "error decoding 'receivers': error decoding 'ebpf_network': 'interfaces.1' expected type 'string', got unconvertible type 'int'\n  yaml:1:47  receivers::ebpf_network::interfaces::1",
      "error decoding 'receivers': error decoding 'ebpf_network': 'cache_max_flows' expected type 'int', got unconvertible type 'string'\n  yaml:1:51  receivers::ebpf_network::cache_max_flows",
      "error decoding 'exporters': error decoding 'otlp_grpc': 'tls' expected type 'map', got unconvertible type 'string'\n  yaml:3:50  exporters::otlp_grpc::tls",
      "error decoding 'exporters': error decoding 'otlp_grpc': 'timeout' time: missing unit in duration \"5\"\n  yaml:3:38  exporters::otlp_grpc::timeout",
    ],
  );
});

test('a component checks its keys together', (t) => {
  t.deepEqual(reports({ exporters: 'exporters: {otlp_grpc: {tls: {insecure: true, ca_file: a}}}\n' }), [
    'exporters::otlp_grpc::endpoint: requires a non-empty "endpoint"\n  yaml:3:13  exporters::otlp_grpc::endpoint   [config/value]',
    'exporters::otlp_grpc::tls::ca_file: has no use\n  yaml:3:47  exporters::otlp_grpc::tls::ca_file   remove it   [config/value]',
  ]);
});

test('a component in no pipeline is checked all the same, and a good one only warned of', (t) => {
  const exporters = 'exporters: {otlp_grpc: {endpoint: a}, otlp_grpc/spare: {endpoint: b';
  t.is(reports({ exporters: `${exporters}, timeout: x}}\n` }).length, 1);
  t.deepEqual(load({ exporters: `${exporters}}}\n` }).warnings, [
    'yaml:3:39: exporters::otlp_grpc/spare is configured, but no pipeline uses it',
  ]);
});

test('old spellings of types work, with a warning, in sections and pipelines', (t) => {
  const config = load({
    receivers: 'receivers: {ebpf-network/a: }\n',
    exporters: 'exporters: {otlp: {endpoint: a}}\n',
    service: 'service: {pipelines: {metrics: {receivers: [ebpf-network/a], processors: [cidr], exporters: [otlp]}}}\n',
  });
  t.is(config.receivers[0]?.id, 'ebpf_network/a');
  t.deepEqual(config.pipelines[0]?.exporters, ['otlp_grpc']);
  t.deepEqual(config.warnings, [
    'yaml:1:13: "ebpf-network" alias is deprecated; use "ebpf_network" instead',
    'yaml:3:13: "otlp" alias is deprecated; use "otlp_grpc" instead',
  ]);
});

test('the same id under an old and a new spelling is a duplicate', (t) => {
  const [report = ''] = reports({ exporters: 'exporters: {otlp_grpc: {endpoint: a}, otlp: {endpoint: a}}\n' });
  t.regex(report, /^error decoding 'exporters': duplicate name "otlp_grpc" after unmarshaling\n {2}yaml:3:39/);
});

test('unknown component types are named with the known ones', (t) => {
  const [typo = '', misplaced = ''] = reports({ processors: 'processors: {cidr: , cidrr/a: , otlp_grpc: }\n' });
  t.is(
    typo,
    `error decoding 'processors': unknown type: "cidrr" for id: "cidrr/a" (valid values: [cidr])\n  yaml:2:22  processors::cidrr/a   did you mean 'cidr'?   [config/component]`,
  );
  t.regex(misplaced, / {3}otlp_grpc lives under 'exporters' {3}\[config\/component\]$/);
});

test('ids follow the rules of the Collector', (t) => {
  const ids = ['"": ', '/a: ', 'cidr/: ', 'ci-dr: ', 'cidr/a b: ', `cidr/${'x'.repeat(1025)}: `];
  const messages = reports({ processors: `processors: {cidr: , ${ids.join(', ')}}\n` }).map((report) =>
    report.split('\n')[0]?.replace("error decoding 'processors': ", ''),
  );
  t.deepEqual(messages.slice(0, 5), [
    'id must not be empty',
    'in "/a" id: the part before / should not be empty',
    'in "cidr/" id: the part after / should not be empty',
    'in "ci-dr" id: invalid character(s) in type "ci-dr"',
    'in "cidr/a b" id: invalid character(s) in name "a b"',
  ]);
  t.regex(messages[5] ?? '', /is longer than 1024 characters \(1025 characters\)$/);
});

test('problems of all sections come at once, as WeirErrors', (t) => {
  const error = t.throws(() =>
    load({
      receivers: 'receivers: {ebpf_network: {interface: [a]}}\n',
      processors: 'processors: {nothing: }\n',
      exporters: 'exporters: {otlp_grpc: {timeout: 5}}\n',
    }),
  );
  const { errors } = error as AggregateError;
  t.true(errors.every((one) => one instanceof WeirError));
  t.deepEqual(
    errors.map(({ code }) => code),
    ['config/unknown-key', 'config/component', 'config/value', 'config/value', 'config/reference'],
  );
});

test('what keys say together is told beside what one key says alone, unless it may follow from that', (t) => {
  const firstLines = (block: string) =>
    reports({ exporters: `exporters: {otlp_grpc: ${block}}\n` }).map((report) => report.split('\n')[0]);
  const decoding = "error decoding 'exporters': error decoding 'otlp_grpc': ";
  const unused = 'exporters::otlp_grpc::tls::ca_file: has no use';
  const required = 'exporters::otlp_grpc::endpoint: requires a non-empty "endpoint"';
  t.deepEqual(firstLines('{timeout: 5, tls: {insecure: true, ca_file: a}}'), [
    `${decoding}'timeout' time: missing unit in duration "5"`,
    required,
    unused,
  ]);
  t.deepEqual(firstLines('{endpont: a, tls: {insecure: true, ca_file: a}}'), [
    `${decoding}has invalid keys: endpont`,
    unused,
  ]);
  t.deepEqual(firstLines('{endpoint: [a], tls: {insecure: true, ca_file: a}}'), [
    `${decoding}'endpoint' expected type 'string', got unconvertible type 'slice'`,
    unused,
  ]);
  t.deepEqual(firstLines('{endpoint: a, tls: 1}'), [
    `${decoding}'tls' expected type 'map', got unconvertible type 'int'`,
  ]);
});

test('text fields get the text of a variable, numbers its value', (t) => {
  const config = load(
    {
      receivers: 'receivers: {ebpf_network: {cache_max_flows: "${env:FLOWS}"}}\n',
      exporters: 'exporters: {otlp_grpc: {endpoint: "${env:END}", headers: {token: "${env:TOKEN}"}}}\n',
    },
    { FLOWS: '1024', END: '[::1]', TOKEN: '0123' },
  );
  t.like(config.receivers[0]?.config, { cache_max_flows: 1024 });
  t.like(config.exporters[0]?.config, { endpoint: '[::1]', headers: { token: '0123' } });
});
