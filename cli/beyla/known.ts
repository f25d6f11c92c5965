/** Options of Beyla and OBI that have no effect here, each with the reason; and those that the conversion reads. */

const tracing = 'it is about tracing applications, which is not done here';
const histograms = 'it is about histograms, and only sums are made here';
const always = 'is always so here';

/** By path; what stands below is meant too. */
export const noEffect: Readonly<Record<string, string>> = {
  'network.geo_ip': 'there is no component that knows countries and autonomous systems',
  'network.buffer_size': 'there is no buffer: the table in the kernel is read through shared memory',
  stats: 'statistics of TCP are not counted here',
  'filter.application': tracing,
  'filter.stats': 'statistics of TCP are not counted here',
  'attributes.kubernetes.informers_resync_period': 'nothing is listed again that is watched',
  'attributes.kubernetes.meta_cache_address': 'there is no cache service: each agent watches what it needs',
  'attributes.kubernetes.reconnect_initial_interval': 'there is no cache service to reconnect to',
  'attributes.kubernetes.resource_labels': tracing,
  'attributes.kubernetes.service_name_template': tracing,
  'attributes.kubernetes.meta_source_labels': tracing,
  'attributes.host_id.fetch_timeout': 'no cloud is asked for it',
  'attributes.extra_group_attributes': tracing,
  'attributes.rename_unresolved_hosts': tracing,
  'attributes.rename_unresolved_hosts_outgoing': tracing,
  'attributes.rename_unresolved_hosts_incoming': tracing,
  'attributes.metric_span_names_limit': tracing,
  'otel_metrics_export.buckets': histograms,
  'otel_metrics_export.histogram_aggregation': histograms,
  'otel_metrics_export.exemplar_filter': histograms,
  'otel_metrics_export.reporters_cache_len': 'no series is forgotten for want of room: see max_streams',
  'otel_metrics_export.instrumentations': tracing,
  'otel_metrics_export.otel_sdk_log_level': 'no SDK is used',
  'otel_metrics_export.allow_service_graph_self_references': tracing,
  'otel_metrics_export.extra_resource_attributes': 'write them as resource_attributes of the receiver',
  'otel_metrics_export.extra_span_resource_attributes': tracing,
  'prometheus_export.buckets': histograms,
  'prometheus_export.exemplar_filter': histograms,
  'prometheus_export.native_histogram': histograms,
  'prometheus_export.instrumentations': tracing,
  'prometheus_export.disable_build_info': 'there is no such metric',
  'prometheus_export.service_cache_size': tracing,
  'prometheus_export.allow_service_graph_self_references': tracing,
  'prometheus_export.extra_resource_attributes': 'write them as resource_attributes of the receiver',
  'prometheus_export.extra_span_resource_attributes': tracing,
  'metrics.instrumentations': tracing,
  ebpf: tracing,
  enforce_sys_caps: `to end when a capability is missing ${always}`,
  channel_buffer_len: 'there are no such channels',
  channel_send_timeout: 'there are no such channels: a slow exporter makes windows longer',
  channel_send_timeout_panic: 'there are no such channels',
  shutdown_timeout: 'queues are emptied for up to 10s at the end',
  profile_port: 'there is no such port',
  log_config: '`weir print-config` shows the configuration',
  internal_metrics: 'the own metrics are at localhost:8888/metrics, see service::telemetry::metrics',
  service_name: 'set OTEL_SERVICE_NAME for the agent instead',
  service_namespace: 'set OTEL_RESOURCE_ATTRIBUTES=service.namespace=... for the agent instead',
  discovery: tracing,
  routes: tracing,
  name_resolver: tracing,
  otel_traces_export: tracing,
  traces: tracing,
  trace_printer: tracing,
  print_traces: tracing,
  noop: tracing,
  open_port: tracing,
  target_pids: tracing,
  executable_name: tracing,
  executable_path: tracing,
  auto_target_exe: tracing,
  processes: tracing,
  nodejs: tracing,
  javaagent: tracing,
  java: tracing,
  topology: tracing,
  injector: tracing,
};

/** Of `network`, with the same name, format and meaning as in `ebpf_network`. */
export const sameInReceiver = [
  'interfaces',
  'exclude_interfaces',
  'protocols',
  'exclude_protocols',
  'direction',
  'sampling',
  'deduper',
  'deduper_fc_ttl',
  'guess_ports',
  'listen_interfaces',
  'listen_poll_period',
  'agent_ip',
  'agent_ip_iface',
  'agent_ip_type',
  'cache_max_flows',
  'cache_active_timeout',
  'source',
] as const;

/** Paths that the conversion reads beside those; for suggestions. */
const read: readonly string[] = [
  ...sameInReceiver.map((key) => `network.${key}`),
  'network.enable',
  'network.allowed_attributes',
  'network.cidrs',
  'network.print_flows',
  'network.reverse_dns.type',
  'network.reverse_dns.cache_len',
  'network.reverse_dns.cache_expiry',
  'attributes.select',
  'attributes.instance_id',
  'attributes.host_id.override',
  'attributes.kubernetes.enable',
  'attributes.kubernetes.cluster_name',
  'attributes.kubernetes.kubeconfig_path',
  'attributes.kubernetes.drop_external',
  'attributes.kubernetes.informers_sync_timeout',
  'attributes.kubernetes.disable_informers',
  'attributes.kubernetes.meta_restrict_local_node',
  'filter.network',
  'metrics.features',
  'otel_metrics_export.endpoint',
  'otel_metrics_export.protocol',
  'otel_metrics_export.interval',
  'otel_metrics_export.ttl',
  'otel_metrics_export.features',
  'otel_metrics_export.insecure_skip_verify',
  'prometheus_export.port',
  'prometheus_export.path',
  'prometheus_export.ttl',
  'prometheus_export.features',
  'grafana.otlp.cloud_zone',
  'grafana.otlp.cloud_instance_id',
  'grafana.otlp.cloud_api_key',
  'grafana.otlp.cloud_submit',
  'ebpf.traffic_control_backend',
  'log_level',
];

const all = [...read, ...Object.keys(noEffect)];

/** Something that is known stands below this path. */
export const isSection = (path: string) => all.some((known) => known.startsWith(`${path}.`));

/** The keys that may stand beside this one. */
export function siblingsOf(path: string): readonly string[] {
  const parent = path.includes('.') ? `${path.slice(0, path.lastIndexOf('.'))}.` : '';
  const below = all
    .filter((known) => known.startsWith(parent))
    .map((known) => known.slice(parent.length).split('.')[0]!);
  return [...new Set(below)];
}
