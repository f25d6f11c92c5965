/** Four small components and a configuration of them, for the tests of loading. */

import {
  type Component,
  defineExporter,
  defineExtension,
  defineProcessor,
  defineReceiver,
} from '../component/define.ts';
import { reportOf } from '../errors.ts';
import { boolean, duration, headers, positiveInteger, stringList, text } from './formats.ts';
import { loadConfig } from './load.ts';

export const source = defineReceiver<{ interfaces: readonly string[]; cache_max_flows: number }>({
  type: 'ebpf_network',
  aliases: { 'ebpf-network': '"ebpf-network" alias is deprecated; use "ebpf_network" instead' },
  elsewhere: { cidrs: 'the `cidr` processor' },
  stability: 'development',
  description: 'Counts.',
  config: {
    interfaces: { format: stringList, default: [], doc: 'Interfaces.' },
    cache_max_flows: { format: positiveInteger, default: 131072, doc: 'Capacity.' },
  },
  adds: [],
  create: () => ({}),
});

const cidr = defineProcessor<{ cidrs: readonly string[] }>({
  type: 'cidr',
  stability: 'development',
  description: 'Names networks.',
  config: { cidrs: { format: stringList, default: [], doc: 'Networks.' } },
  needs: [],
  adds: [],
  consumes: 'flows',
  produces: 'same',
  create: () => ({}),
});

interface SinkConfig {
  endpoint: string;
  timeout: number;
  headers: Readonly<Record<string, string>>;
  tls: { insecure: boolean; ca_file: string };
}

const sink = defineExporter<SinkConfig>({
  type: 'otlp_grpc',
  aliases: { otlp: '"otlp" alias is deprecated; use "otlp_grpc" instead' },
  stability: 'development',
  description: 'Sends.',
  config: {
    endpoint: { format: text, default: '', doc: 'Where to.' },
    timeout: { format: duration, default: '5s', doc: 'For one request.' },
    headers: { format: headers, default: {}, doc: 'Headers.' },
    tls: {
      insecure: { format: boolean, default: false, doc: 'No TLS.' },
      ca_file: { format: text, default: '', doc: 'Certificates.' },
    },
  },
  validate: ({ endpoint, tls }) => [
    ...(endpoint === '' ? [{ path: ['endpoint'], message: 'requires a non-empty "endpoint"' }] : []),
    ...(tls.insecure && tls.ca_file !== ''
      ? [{ path: ['tls', 'ca_file'], message: 'has no use', fix: 'remove it' }]
      : []),
  ],
  create: () => ({ hasRoom: () => true, onRoom: () => undefined, export: () => undefined }),
});

const probe = defineExtension<{ path: string }>({
  type: 'health_check',
  aliases: { healthcheck: "'healthcheck' is the old name of 'health_check'" },
  stability: 'development',
  description: 'Answers.',
  config: { path: { format: text, default: '/', doc: 'Path.' } },
  create: () => ({}),
});

export const components: readonly Component[] = [source, cidr, sink, probe];

export const good = {
  receivers: 'receivers: {ebpf_network: }\n',
  processors: 'processors: {cidr: }\n',
  exporters: 'exporters: {otlp_grpc: {endpoint: "localhost:4317"}}\n',
  service: 'service: {pipelines: {metrics: {receivers: [ebpf_network], processors: [cidr], exporters: [otlp_grpc]}}}\n',
};

export const load = (parts: Partial<typeof good> & { more?: string } = {}, environment: Record<string, string> = {}) =>
  loadConfig({ uris: [`yaml:${Object.values({ ...good, ...parts }).join('')}`], environment }, components);

/** One report per problem. */
export function reports(parts: Parameters<typeof load>[0]): readonly string[] {
  try {
    load(parts);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    return error.errors.map(reportOf);
  }
  return [];
}
