import test from 'ava';
import { createConverter } from '../test/support/converter.ts';

const { convert, convertByProcess, remove } = createConverter();
test.after.always(remove);

test('the first seed, which selects by allowed_attributes', async (t) => {
  const { config, validated } = await convertByProcess(`
network:
  enable: true
  allowed_attributes:
    - k8s.src.owner.name
    - k8s.src.namespace
    - k8s.dst.owner.name
    - k8s.dst.namespace
`);
  t.is(validated, '');
  t.deepEqual(config.receivers.ebpf_network.features, ['network']);
  t.deepEqual(config.processors.attribute_select, {
    allowed_attributes: ['k8s.src.owner.name', 'k8s.src.namespace', 'k8s.dst.owner.name', 'k8s.dst.namespace'],
  });
});

test('the block of the talk is taken whole, with what only tracing has', async (t) => {
  const { config, validated, notes } = await convertByProcess(`
attributes:
  kubernetes: {enable: true}
  select:
    beyla_network_flow_bytes:
      include: [k8s.*, src.zone, dst.zone, transport]
      exclude: [k8s.*.type]
    sql_client_duration: {include: ['*']}
    http_**: {exclude: [http_route]}
filter:
  network:
    transport: {not_match: UDP}
    dst_port: {match: 53}
  application: {url_path: {not_match: /health}}
otel_metrics_export: {features: [network, application]}
`);
  t.is(validated, '');
  t.deepEqual(config.processors.attribute_select.select.beyla_network_flow_bytes, {
    include: ['k8s.*', 'src.zone', 'dst.zone', 'transport'],
    exclude: ['k8s.*.type'],
  });
  t.deepEqual(config.processors.filter, { network: { transport: { not_match: 'UDP' }, dst_port: { match: 53 } } });
  t.deepEqual(Object.keys(config.processors), ['k8s_attributes', 'zone', 'filter', 'attribute_select']);
  t.true(notes.some((note) => note.startsWith('beyla.yml:14:3  filter.application has no effect: ')));
  t.true(notes.some((note) => /otel_metrics_export\.features \(application\) has no effect/.test(note)));
});

test('every option of the seed for Alloy arrives under its name', async (t) => {
  const { config, validated } = await convertByProcess(`
network:
  source: tc
  agent_ip: 192.0.2.1
  agent_ip_iface: local
  agent_ip_type: ipv4
  interfaces: [eth0, /^veth.*$/]
  exclude_interfaces: [lo]
  protocols: [TCP, UDP]
  exclude_protocols: [ICMP]
  cache_max_flows: 5000
  cache_active_timeout: 3s
  deduper: none
  direction: ingress
  sampling: 100
  guess_ports: ordinal
  listen_interfaces: poll
  listen_poll_period: 20s
  cidrs: [10.0.0.0/8, {cidr: 192.168.0.0/16, name: office}]
`);
  t.is(validated, '');
  t.deepEqual(config.receivers.ebpf_network, {
    interfaces: ['eth0', '/^veth.*$/'],
    exclude_interfaces: ['lo'],
    protocols: ['TCP', 'UDP'],
    exclude_protocols: ['ICMP'],
    direction: 'ingress',
    sampling: 100,
    deduper: 'none',
    guess_ports: 'ordinal',
    listen_interfaces: 'poll',
    listen_poll_period: '20s',
    agent_ip: '192.0.2.1',
    agent_ip_iface: 'local',
    agent_ip_type: 'ipv4',
    cache_max_flows: 5000,
    cache_active_timeout: '3s',
    source: 'tc',
    features: ['network'],
  });
  t.deepEqual(config.processors.cidr.cidrs, ['10.0.0.0/8', { cidr: '192.168.0.0/16', name: 'office' }]);
});

test('variables win over the file, under both prefixes, and alone are a configuration too', async (t) => {
  const environment = {
    BEYLA_NETWORK_METRICS: 'true',
    BEYLA_NETWORK_CIDRS: '10.0.0.0/8, 192.168.0.0/16',
    OTEL_EBPF_NETWORK_DIRECTION: 'egress',
    BEYLA_NETWORK_DIRECTION: 'ingress',
    BEYLA_OTEL_METRICS_FEATURES: 'network,network_inter_zone',
    BEYLA_NETWORK_SAMPLING: '',
    BEYLA_LOG_LEVEL: 'WARN',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
  };
  const fromFile = await convertByProcess(
    'network: {cidrs: [172.16.0.0/12], sampling: 7, direction: both}',
    environment,
  );
  t.is(fromFile.validated, '');
  t.deepEqual(fromFile.config.processors.cidr.cidrs, ['10.0.0.0/8', '192.168.0.0/16']);
  t.like(fromFile.config.receivers.ebpf_network, {
    sampling: 7,
    direction: 'egress',
    features: ['network', 'network_inter_zone'],
  });
  const alone = await convertByProcess(undefined, environment);
  t.is(alone.validated, '');
  t.deepEqual(alone.config.exporters, { otlp_http: { endpoint: 'http://collector:4318' } });
  t.deepEqual(alone.config.service.telemetry, { logs: { level: 'warn' } });
  t.deepEqual(alone.config.service.pipelines.metrics.exporters, ['otlp_http']);
});

test('variables in the file are put in as Beyla does', async (t) => {
  const { config, notes, validated } = await convert(
    `network:
  cache_active_timeout: \${TIMEOUT:-7s}
  agent_ip: \${env:IP}
  interfaces: [\${IFACE}]
  direction: \${EMPTY:-egress}
  exclude_interfaces: ['/^\${NOT_SET}lo$/']
filter: {network: {src.name: {match: "$\${x}*"}}}
`,
    { IP: '192.0.2.7', IFACE: 'eth1', EMPTY: '' },
  );
  t.is(validated, '');
  t.like(config.receivers.ebpf_network, { cache_active_timeout: '7s', agent_ip: '192.0.2.7', direction: 'egress' });
  t.deepEqual(config.receivers.ebpf_network.interfaces, ['eth1']);
  t.deepEqual(config.receivers.ebpf_network.exclude_interfaces, ['/^lo$/']);
  t.is(config.processors.filter.network['src.name'].match, '$$' + '{x}*', 'escaped for a collector');
  t.true(notes.some((note) => note.includes('names the variable NOT_SET, which is not set')));
});

test('OTLP by its protocol, and no secret is printed', async (t) => {
  const environment = { OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer hush,X-Scope=hush2' };
  const grpc = await convert(
    'otel_metrics_export: {endpoint: "https://user:hush3@backend:4317", ttl: 10m, interval: 30s}',
    environment,
  );
  t.is(grpc.validated, '');
  const reference = (name: string) => `$\{env:OTLP_HEADER_${name}:-}`;
  const headers = { Authorization: reference('AUTHORIZATION'), 'X-Scope': reference('X_SCOPE') };
  t.deepEqual(grpc.config.exporters.otlp_grpc, { endpoint: 'backend:4317', headers });
  t.deepEqual(grpc.config.processors.delta_to_cumulative, { max_stale: '10m' });
  t.deepEqual(grpc.config.processors.interval, { interval: '30s' });
  t.notRegex(JSON.stringify(grpc), /hush/);
  const http = await convert('otel_metrics_export: {endpoint: "http://b:4318/own/path", insecure_skip_verify: true}', {
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
  });
  t.is(http.validated, '');
  t.deepEqual(http.config.exporters.otlp_http, {
    metrics_endpoint: 'http://b:4318/own/path',
    tls: { insecure_skip_verify: true },
  });
  t.false('delta_to_cumulative' in http.config.processors);
  const address = await convert('otel_metrics_export: {endpoint: "b:4317", protocol: grpc}');
  t.is(address.validated, '');
  t.deepEqual(address.config.exporters.otlp_grpc, { endpoint: 'b:4317' });
  const noUrl = await convert('otel_metrics_export: {endpoint: "b:4318"}');
  t.true(noUrl.notes.some((note) => note.includes('it is no URL with a scheme')));
  const bare = await convert('otel_metrics_export: {endpoint: "http://b:4318"}');
  t.deepEqual(bare.config.exporters.otlp_http, { endpoint: 'http://b:4318' }, '/v1/metrics is added');
  const cloud = await convert(
    'grafana: {otlp: {cloud_zone: eu, cloud_instance_id: "7", cloud_api_key: hush, cloud_submit: [metrics]}}',
  );
  t.is(cloud.validated, '');
  t.is(cloud.config.exporters['otlp_http/grafana'].endpoint, 'https://otlp-gateway-eu.grafana.net/otlp');
  t.notRegex(JSON.stringify(cloud), /hush/);
});

test('a port for Prometheus beside OTLP is a pipeline of its own, of windows as they are', async (t) => {
  const { config, validated, notes } = await convert(
    'prometheus_export: {port: 9090, ttl: 3m, path: /internal}\notel_metrics_export: {endpoint: "http://b:4317"}\nnetwork: {print_flows: true}',
  );
  t.is(validated, '');
  t.true(config.service.pipelines.metrics.processors.includes('delta_to_cumulative'));
  t.false(config.service.pipelines['metrics/windows'].processors.includes('delta_to_cumulative'));
  t.true(config.service.pipelines['metrics/windows'].exporters.includes('debug'));
  t.deepEqual(config.exporters.prometheus, { endpoint: '0.0.0.0:9090', metric_expiration: '3m' });
  t.true(notes.some((note) => note.includes('prometheus_export.path has no effect: ')));
});

test("OBI's names and variables keep its names of metrics", async (t) => {
  const obi = await convert('attributes: {select: {obi_network_flow_bytes: {include: [obi.ip, src.address]}}}');
  t.is(obi.validated, '');
  t.is(obi.config.receivers.ebpf_network.metric_names, 'obi');
  const beyla = await convert('attributes: {select: {beyla_network_flow_bytes: {include: [beyla.ip]}}}');
  t.is(beyla.config.receivers.ebpf_network.metric_names, undefined);
  t.is(
    (await convert(undefined, { OTEL_EBPF_NETWORK_METRICS: 'true' })).config.receivers.ebpf_network.metric_names,
    'obi',
  );
});

test('Kubernetes as it was wished for, where this build knows it', async (t) => {
  const off = await convert('attributes: {kubernetes: {enable: false, cluster_name: c}}');
  t.is(off.validated, '');
  t.false('k8s_attributes' in off.config.processors);
  const on = await convert(
    'attributes: {kubernetes: {enable: autodetect, cluster_name: c, kubeconfig_path: /k, drop_external: true, informers_sync_timeout: 9s, disable_informers: [node]}}',
    { BEYLA_KUBE_CLUSTER_NAME: 'mine' },
  );
  t.is(on.validated, '');
  t.deepEqual(on.config.processors.k8s_attributes, {
    auth_type: 'kubeConfig',
    kube_config_path: '/k',
    wait_for_metadata_timeout: '9s',
    flow: { cluster_name: 'mine', drop_external: true, disable_informers: ['node'] },
  });
});

test('who the agent is', async (t) => {
  const { config, validated } = await convert(
    'attributes: {instance_id: {dns: false, override_hostname: me}, host_id: {override: h, fetch_timeout: 1s}}',
  );
  t.is(validated, '');
  t.like(config.receivers.ebpf_network, {
    instance_id: { dns: false, override_hostname: 'me' },
    resource_attributes: { 'host.id': 'h' },
  });
});

test('reverse DNS by asking servers; names from the wire are not to be had', async (t) => {
  const local = await convert('network: {reverse_dns: {type: local, cache_len: 1000, cache_expiry: 30m}}');
  t.is(local.validated, '');
  t.deepEqual(local.config.processors.reverse_dns, { type: 'local', cache_len: 1000, cache_expiry: '30m' });
  const ebpf = await convert('network: {reverse_dns: {type: ebpf}}');
  t.false('reverse_dns' in ebpf.config.processors);
  t.true(ebpf.notes.some((note) => /^beyla\.yml:1:25 {2}network\.reverse_dns\.type has no effect/.test(note)));
});
