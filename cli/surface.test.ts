/**
 * The components of this build through the command line: every key with its default, old names, keys of Beyla.
 * long: most of it is the list of keys.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { components } from '../components.ts';
import { callCommand } from './command-line.ts';

async function call(...args: readonly string[]) {
  const said = { output: '', problems: '' };
  const code = await callCommand(args, {
    components,
    environment: {},
    print: (text) => {
      said.output += text;
    },
    complain: (text) => {
      said.problems += text;
    },
  });
  return { code, ...said };
}

const pipeline = (receiver: string, processors: string, exporters: string) =>
  `service: {pipelines: {metrics: {receivers: [${receiver}], processors: [${processors}], exporters: [${exporters}]}}}`;

const tls = {
  insecure: false,
  insecure_skip_verify: false,
  server_name_override: '',
  ca_file: '',
  ca_pem: '',
  include_system_ca_certs_pool: false,
  cert_file: '',
  cert_pem: '',
  key_file: '',
  key_pem: '',
  min_version: '1.2',
  max_version: '',
  reload_interval: '0s',
};
const sending = {
  retry_on_failure: {
    enabled: true,
    initial_interval: '5s',
    randomization_factor: 0.5,
    multiplier: 1.5,
    max_interval: '30s',
    max_elapsed_time: '5m',
  },
  sending_queue: { enabled: true, num_consumers: 1, queue_size: 1000 },
};

/** The example of the documented surface: every key of every component that it has, with its default or an example. */
const everyComponent = join(import.meta.dirname, '..', 'test', 'support', 'every-component.yaml');

test('one configuration with every component is valid as it stands', async (t) => {
  t.deepEqual(await call('validate', '--config', everyComponent), { code: 0, output: '', problems: '' });
});

test('what that configuration shows as defaults are the defaults', async (t) => {
  const shown = await call('print-config', '--config', everyComponent);
  t.is(shown.code, 0);
  // These blocks have no key that is there as an example.
  const ofDefaults = {
    receivers: ['ebpf_network'],
    processors: ['k8s_attributes', 'cidr', 'zone', 'reverse_dns', 'delta_to_cumulative', 'interval'],
    exporters: ['debug'],
    extensions: ['health_check', 'zpages'],
  };
  const config = parse(readFileSync(everyComponent, 'utf8'));
  for (const [section, ids] of Object.entries(ofDefaults)) for (const id of ids) config[section][id] = null;
  const empty = await call('print-config', '--config', `yaml:${JSON.stringify(config)}`);
  t.deepEqual(parse(shown.output), parse(empty.output));
});

test('a component with an empty block has every default', async (t) => {
  const { code, output } = await call(
    'print-config',
    '--config',
    `yaml:
receivers: {ebpf_network: }
processors: {cidr: , zone: , reverse_dns: , filter: , attribute_select: , delta_to_cumulative: , interval: }
exporters: {debug: , otlp_grpc: {endpoint: 'localhost:4317'}, otlp_http: {endpoint: 'http://localhost:4318'}, prometheus: {endpoint: 'localhost:8889'}}
${pipeline('ebpf_network', 'cidr, zone, reverse_dns, filter, attribute_select, delta_to_cumulative, interval', 'debug, otlp_grpc, otlp_http, prometheus')}`,
  );
  t.is(code, 0);
  const { receivers, processors, exporters } = parse(output);
  t.deepEqual(receivers.ebpf_network, {
    source: 'tc',
    traffic_control_backend: 'auto',
    sampling: 0,
    tunnels: 'inner',
    deduper: 'first_come',
    deduper_fc_ttl: '0s',
    interfaces: [],
    exclude_interfaces: ['lo'],
    protocols: [],
    exclude_protocols: [],
    direction: 'both',
    cache_max_flows: 131_072,
    pin_path: '',
    cache_active_timeout: '5s',
    guess_ports: 'disable',
    exclude_self: true,
    listen_interfaces: 'watch',
    listen_poll_period: '10s',
    netns: 'host',
    nat: 'conntrack',
    agent_ip: '',
    agent_ip_iface: 'external',
    agent_ip_type: 'any',
    metric_names: 'beyla',
    features: ['network', 'network_flow_packets', 'network_inter_zone'],
    instance_id: { dns: true, override_hostname: '' },
    resource_attributes: {},
  });
  t.deepEqual(processors, {
    cidr: { cidrs: [] },
    zone: {
      node_labels: { zone: 'topology.kubernetes.io/zone', region: 'topology.kubernetes.io/region' },
      cidrs: [],
      cloud: 'off',
      unknown_zones: 'ignore',
    },
    reverse_dns: {
      type: 'local',
      cache_len: 10_000,
      cache_expiry: '1h',
      negative_cache_expiry: '5m',
      timeout: '5s',
      max_in_flight: 16,
      servers: [],
    },
    filter: {
      network: {},
      application: {},
      stats: {},
      metric_conditions: [],
      metrics: { resource: [], metric: [], datapoint: [] },
      error_mode: 'propagate',
    },
    attribute_select: { select: {}, allowed_attributes: [], strict: true, features: [], metric_names: '' },
    delta_to_cumulative: { max_stale: '5m', max_streams: 100_000 },
    interval: { interval: '1m', pass_through: { gauge: false, summary: false } },
  });
  t.deepEqual(exporters, {
    debug: { verbosity: 'basic' },
    otlp_grpc: {
      endpoint: 'localhost:4317',
      tls,
      compression: 'gzip',
      headers: {},
      user_agent: '',
      wait_for_ready: false,
      keepalive: { time: '0s', timeout: '20s', permit_without_stream: false },
      timeout: '5s',
      ...sending,
    },
    otlp_http: {
      endpoint: 'http://localhost:4318',
      metrics_endpoint: '',
      encoding: 'proto',
      tls,
      compression: 'gzip',
      headers: {},
      timeout: '30s',
      ...sending,
    },
    prometheus: {
      endpoint: 'localhost:8889',
      namespace: '',
      const_labels: {},
      send_timestamps: false,
      metric_expiration: '5m',
      resource_constant_labels: { included: [], excluded: [] },
      resource_to_telemetry_conversion: { enabled: false, exclude_service_attributes: false },
      enable_open_metrics: false,
      without_scope_info: false,
      add_metric_suffixes: true,
      translation_strategy: '',
      tls: {
        cert_file: '',
        cert_pem: '',
        key_file: '',
        key_pem: '',
        client_ca_file: '',
        min_version: '1.2',
        max_version: '',
        reload_interval: '0s',
      },
      response_headers: {},
      read_header_timeout: '1m',
      write_timeout: '30s',
      idle_timeout: '1m',
    },
  });
});

test('old names and names with hyphens are the component itself', async (t) => {
  const { code, output, problems } = await call(
    'print-config',
    '--config',
    `yaml:
receivers: {ebpf-network/a: }
processors: {reverse-dns: , attribute-select: , deltatocumulative: }
exporters: {otlp: {endpoint: 'localhost:4317'}, otlphttp/b: {endpoint: 'http://localhost:4318'}}
${pipeline('ebpf-network/a', 'reverse-dns, attribute-select, deltatocumulative', 'otlp, otlphttp/b')}`,
  );
  t.is(code, 0, problems);
  t.deepEqual(parse(output).service.pipelines.metrics, {
    receivers: ['ebpf_network/a'],
    processors: ['reverse_dns', 'attribute_select', 'delta_to_cumulative'],
    exporters: ['otlp_grpc', 'otlp_http/b'],
  });
});

test('keys of Beyla that live elsewhere are refused with the place where they live', async (t) => {
  const places = { cidrs: 'cidr', reverse_dns: 'reverse_dns', geo_ip: '', print_flows: 'debug', enable: 'service' };
  const block = Object.keys(places).map((key) => `${key}: 1`);
  const { code, problems } = await call(
    'validate',
    '--config',
    `yaml:
receivers: {ebpf_network: {${block.join(', ')}}}
exporters: {debug: }
${pipeline('ebpf_network', '', 'debug')}`,
  );
  t.is(code, 1);
  const reports = problems.trimEnd().split(/\n(?! )/);
  t.is(reports.length, 5);
  for (const [at, [key, place]] of Object.entries(places).entries()) {
    t.regex(
      reports[at] ?? '',
      new RegExp(
        `^error decoding 'receivers': error decoding 'ebpf_network': has invalid keys: ${key}\\n` +
          ` {2}yaml:2:\\d+ {2}receivers::ebpf_network::${key} {3}it lives elsewhere: .*${place}.* {3}\\[config/unknown-key\\]$`,
      ),
    );
  }
});

test('what is wrong with ranges, places and name servers is all told at once, each with its place and fix', async (t) => {
  const { code, problems } = await call(
    'validate',
    '--config',
    `yaml:
receivers: {ebpf_network: }
processors:
  cidr:
    cidrs:
      - 10.0.0.0/8
      - 10.1.2.3/8
      - {cidr: 10.0.0.0/33, name: office}
  zone:
    cidrs:
      - {cidr: 10.1.0.0/16}
  reverse_dns:
    type: ebpf
    servers: [dns.example]
exporters: {debug: }
${pipeline('ebpf_network', 'cidr, zone, reverse_dns', 'debug')}`,
  );
  t.is(code, 1);
  t.deepEqual(
    problems
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('  ')),
    [
      '  yaml:7:9  processors::cidr::cidrs::1   write 10.0.0.0/8 for the range, or 10.1.2.3/32 for this one address   [config/value]',
      '  yaml:8:10  processors::cidr::cidrs::2::cidr   the length of an IPv4 range is 0 to 32   [config/value]',
      '  yaml:11:9  processors::zone::cidrs::0::zone   set zone   [config/missing]',
      '  yaml:13:5  processors::reverse_dns::type   write local, which asks name servers, or none   [config/value]',
      '  yaml:14:15  processors::reverse_dns::servers::0   write an IP address, with a port if it is not 53: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:5353   [config/value]',
    ],
  );
});

test('a range that stands twice is told with the place of the second', async (t) => {
  const { problems } = await call(
    'validate',
    '--config',
    `yaml:
receivers: {ebpf_network: }
processors:
  cidr:
    cidrs: [10.0.0.0/8, {cidr: 10.0.0.0/8, name: office}]
exporters: {debug: }
${pipeline('ebpf_network', 'cidr', 'debug')}`,
  );
  t.regex(
    problems,
    /the range 10\.0\.0\.0\/8 stands twice, here and at cidrs::0\n {2}yaml:5:25 {2}processors::cidr::cidrs::1 {3}keep one of the two/,
  );
});
