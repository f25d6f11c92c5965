/** Where Beyla sent its metrics, as exporters: OTLP by its protocols, Grafana Cloud, a port for Prometheus, the screen. */

import type { Notes } from './notes.ts';
import { type BeylaSource, isTrue, listOf, scalarOf, textOf } from './source.ts';

export type Block = Record<string, unknown>;

export interface Exporters {
  /** Exporters that want sums which grow, and those that take windows as they are. */
  readonly cumulative: Readonly<Record<string, Block>>;
  readonly windows: Readonly<Record<string, Block>>;
  /** How long a silent series is kept; undefined: not said. */
  readonly ttl: unknown;
}

const grpcPort = /:\d*4317(?:\/|$)/;
const bareAddress = /^(?:\[[^\]]*\]|[^:/]+):\d+$/;
/** The URL for metrics alone is taken as it is; without a path the exporter of the Go SDK adds /v1/metrics to it as well. */
const hasPath = /^\w+:\/\/[^/]*\//;

export function exportersOf(source: BeylaSource, notes: Notes): Exporters {
  const cumulative: Record<string, Block> = {};
  const windows: Record<string, Block> = {};
  Object.assign(cumulative, otlpExporter(source, notes), grafanaExporter(source, notes));
  const ttl = source.find('otel_metrics_export.ttl', 'METRICS_TTL');
  Object.assign(windows, prometheusExporter(source, notes));
  const print = source.find('network.print_flows', 'NETWORK_PRINT_FLOWS');
  if (isTrue(print)) {
    windows.debug = { verbosity: 'normal' };
    notes.otherMeaning(print!, 'the points of each window are printed, with their bytes, after selection');
  }
  if (Object.keys({ ...cumulative, ...windows }).length === 0) {
    windows.debug = { verbosity: 'normal' };
    notes.remark('exporters', 'none is configured: the points are printed');
  }
  return { cumulative, windows, ttl: ttl === undefined ? undefined : ttl.value };
}

function otlpExporter(source: BeylaSource, notes: Notes): Record<string, Block> {
  const common = source.find('', 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const own = source.find('otel_metrics_export.endpoint', 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT');
  const said = source.find(
    'otel_metrics_export.protocol',
    'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL',
    'OTEL_EXPORTER_OTLP_PROTOCOL',
  );
  const skip = source.find('otel_metrics_export.insecure_skip_verify', 'INSECURE_SKIP_VERIFY');
  const found = own ?? common;
  if (found === undefined) return {};
  const isGrpc = textOf(said) === 'grpc' || (textOf(said) === '' && grpcPort.test(textOf(found)));
  // By gRPC the newer releases take an address as well; it means TLS.
  const url = URL.parse(isGrpc && bareAddress.test(textOf(found)) ? `https://${textOf(found)}` : textOf(found));
  if (url === null || url.host === '') {
    notes.noEffect(found, 'it is no URL with a scheme, such as http://localhost:4318');
    return {};
  }
  if (url.password !== '') {
    notes.noEffect(
      { ...found, option: `the password in ${found.option}` },
      'it is secret: write it as a header instead',
    );
    url.username = '';
    url.password = '';
  }
  const tls = isTrue(skip) ? { insecure_skip_verify: true } : {};
  const headers = headersOf(source, notes);
  if (isGrpc) {
    const insecure = ['http:', 'unix:'].includes(url.protocol) ? { insecure: true } : {};
    const settings = { ...insecure, ...tls };
    const block = { endpoint: url.host, ...(Object.keys(settings).length > 0 ? { tls: settings } : {}), ...headers };
    return { otlp_grpc: block };
  }
  if (textOf(said) === 'http/json') notes.otherMeaning(said!, 'requests are written in protobuf');
  const asItIs = own !== undefined && hasPath.test(textOf(own));
  const endpoint = asItIs ? { metrics_endpoint: url.href } : { endpoint: url.href.replace(/\/$/, '') };
  return { otlp_http: { ...endpoint, ...(isTrue(skip) ? { tls } : {}), ...headers } };
}

/** The values are secret, and this text will be kept in files. */
function headersOf(source: BeylaSource, notes: Notes): Block {
  const found = source.find('', 'OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS');
  if (found === undefined) return {};
  const names = listOf(found).map((pair) => (pair.split('=')[0] ?? '').trim());
  const variableOf = (name: string) => `OTLP_HEADER_${name.toUpperCase().replaceAll(/\W/g, '_')}`;
  for (const name of names) {
    notes.otherMeaning(found, `the value of the header ${name} is secret: set ${variableOf(name)} for the agent`);
  }
  return { headers: Object.fromEntries(names.map((name) => [name, `\${env:${variableOf(name)}:-}`])) };
}

function grafanaExporter(source: BeylaSource, notes: Notes): Record<string, Block> {
  const zone = source.find('grafana.otlp.cloud_zone', 'GRAFANA_CLOUD_ZONE');
  const submit = source.find('grafana.otlp.cloud_submit', 'GRAFANA_CLOUD_SUBMIT');
  const id = source.find('grafana.otlp.cloud_instance_id', 'GRAFANA_CLOUD_INSTANCE_ID');
  const key = source.find('grafana.otlp.cloud_api_key', 'GRAFANA_CLOUD_API_KEY');
  const first = zone ?? id ?? key;
  if (first === undefined) return {};
  if (!listOf(submit).includes('metrics') || zone === undefined) {
    notes.noEffect(first, 'it sends no metrics: grafana.otlp.cloud_submit does not name them');
    return {};
  }
  const variable = 'GRAFANA_CLOUD_BASIC_AUTH';
  notes.otherMeaning(zone, `set ${variable} for the agent to the base64 text of cloud_instance_id:cloud_api_key`);
  const endpoint = `https://otlp-gateway-${textOf(zone)}.grafana.net/otlp`;
  return { 'otlp_http/grafana': { endpoint, headers: { authorization: `Basic \${env:${variable}:-}` } } };
}

function prometheusExporter(source: BeylaSource, notes: Notes): Record<string, Block> {
  const port = source.find('prometheus_export.port', 'PROMETHEUS_PORT');
  const path = source.find('prometheus_export.path', 'PROMETHEUS_PATH');
  const ttl = source.find('prometheus_export.ttl', 'PROMETHEUS_TTL');
  if (port === undefined || Number(scalarOf(port)) === 0) return {};
  if (path !== undefined && textOf(path) !== '/metrics') notes.noEffect(path, 'the path is /metrics');
  const block = { endpoint: `0.0.0.0:${textOf(port)}`, ...(ttl === undefined ? {} : { metric_expiration: ttl.value }) };
  return { prometheus: block };
}
