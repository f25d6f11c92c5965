/** Sends metrics to an OTLP server by HTTP. The queue and its retries are core/queue, the encoding is core/otlp. */

import { type ConfigProblem, defineExporter } from '../../core/component/define.ts';
import { text, url } from '../../core/config/formats.ts';
import {
  compressionSchema,
  headerProblems,
  headersSchema,
  type TlsConfig,
  tlsProblems,
  tlsSchema,
} from '../../core/otlp/client-schema.ts';
import type { Compression } from '../../core/otlp/compression.ts';
import { otlpPayloads } from '../../core/otlp/payloads.ts';
import { type SendingConfig, sendingProblems, sendingSchema } from '../../core/queue/schema.ts';
import { createSendingExporter } from '../../core/queue/sending-queue.ts';
import { createHttpTransport } from './transport.ts';

export interface OtlpHttpConfig extends SendingConfig {
  /** Base URL: `/v1/metrics` is added. */
  readonly endpoint: string;
  /** Used as it is; wins over `endpoint`. */
  readonly metrics_endpoint: string;
  readonly encoding: string;
  readonly compression: Compression;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsConfig;
}

export default defineExporter<OtlpHttpConfig>({
  type: 'otlp_http',
  aliases: { otlphttp: '"otlphttp" alias is deprecated; use "otlp_http" instead' },
  stability: 'alpha',
  description: 'Sends metrics to an OTLP server or collector by HTTP.',
  config: {
    endpoint: {
      format: url,
      default: '',
      doc: 'Base URL of the server: `/v1/metrics` is added. Required, or the next.',
    },
    metrics_endpoint: { format: url, default: '', doc: 'URL that is used as it is, instead of `endpoint`.' },
    encoding: { format: text, default: 'proto', doc: 'How requests are written: only `proto`.' },
    tls: tlsSchema,
    compression: compressionSchema('gzip', 'zstd', 'none'),
    headers: headersSchema,
    ...sendingSchema('30s'),
  },
  validate(config) {
    return [
      ...endpointProblems(config),
      ...encodingProblems(config.encoding),
      ...tlsProblems(config.tls),
      ...headerProblems(config.headers),
      ...sendingProblems(config),
    ];
  },
  create(config, host) {
    return createSendingExporter(host, config, {
      transport: createHttpTransport(host, config, metricsUrl(config)),
      openEncoder: () => otlpPayloads(config.compression),
    });
  },
});

/** Where requests go; the configuration was validated. */
export function metricsUrl({ endpoint, metrics_endpoint }: Pick<OtlpHttpConfig, 'endpoint' | 'metrics_endpoint'>): URL {
  return new URL(metrics_endpoint || `${endpoint.replace(/\/$/, '')}/v1/metrics`);
}

function endpointProblems(config: OtlpHttpConfig): readonly ConfigProblem[] {
  const fix = 'write a URL such as http://localhost:4318';
  const keys = (['endpoint', 'metrics_endpoint'] as const).filter((key) => config[key] !== '');
  if (keys.length === 0) return [{ path: ['endpoint'], message: 'at least one endpoint must be specified', fix }];
  return keys.flatMap((key) => {
    const parsed = URL.parse(config[key]);
    if (parsed !== null && ['http:', 'https:'].includes(parsed.protocol) && parsed.port !== '0') return [];
    return [{ path: [key], message: `${key} must be a valid URL with a port of 1 to 65535`, fix }];
  });
}

function encodingProblems(encoding: string): readonly ConfigProblem[] {
  if (encoding === 'proto') return [];
  const message = encoding === 'json' ? 'encoding json is not available' : `invalid encoding type: ${encoding}`;
  return [{ path: ['encoding'], message, fix: 'write proto' }];
}
