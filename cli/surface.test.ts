/** The components of this build through the command line: every key with its default, old names, keys of Beyla. */

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

test('a component with an empty block has every default', async (t) => {
  const { code, output } = await call(
    'print-config',
    '--config',
    `yaml:
receivers: {ebpf_network: }
processors: {filter: , attribute_select: , delta_to_cumulative: }
exporters: {debug: , otlp_grpc: {endpoint: 'localhost:4317'}, otlp_http: {endpoint: 'http://localhost:4318'}}
${pipeline('ebpf_network', 'filter, attribute_select, delta_to_cumulative', 'debug, otlp_grpc, otlp_http')}`,
  );
  t.is(code, 0);
  const { receivers, processors, exporters } = parse(output);
  t.deepEqual(receivers.ebpf_network, {
    source: 'tc',
    traffic_control_backend: 'auto',
    deduper: 'first_come',
    deduper_fc_ttl: '0s',
    interfaces: [],
    exclude_interfaces: ['lo'],
    protocols: [],
    exclude_protocols: [],
    direction: 'both',
    cache_max_flows: 131_072,
    cache_active_timeout: '5s',
    listen_interfaces: 'watch',
    listen_poll_period: '10s',
    agent_ip: '',
    agent_ip_iface: 'external',
    agent_ip_type: 'any',
    metric_names: 'beyla',
    features: ['network', 'network_flow_packets', 'network_inter_zone'],
  });
  t.deepEqual(processors, {
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
  });
});

test('old names and names with hyphens are the component itself', async (t) => {
  const { code, output, problems } = await call(
    'print-config',
    '--config',
    `yaml:
receivers: {ebpf-network/a: }
processors: {attribute-select: , deltatocumulative: }
exporters: {otlp: {endpoint: 'localhost:4317'}, otlphttp/b: {endpoint: 'http://localhost:4318'}}
${pipeline('ebpf-network/a', 'attribute-select, deltatocumulative', 'otlp, otlphttp/b')}`,
  );
  t.is(code, 0, problems);
  t.deepEqual(parse(output).service.pipelines.metrics, {
    receivers: ['ebpf_network/a'],
    processors: ['attribute_select', 'delta_to_cumulative'],
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
