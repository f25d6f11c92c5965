/** Sends metrics to an OTLP server by gRPC. The queue and its retries are core/queue, the encoding is core/otlp. */

import { type ConfigProblem, defineExporter } from '../../core/component/define.ts';
import { boolean, duration, text } from '../../core/config/formats.ts';
import {
  compressionSchema,
  headerProblems,
  headersSchema,
  type TlsConfig,
  tlsProblems,
  tlsSchema,
} from '../../core/otlp/client-schema.ts';
import { otlpPayloads } from '../../core/otlp/payloads.ts';
import { type SendingConfig, sendingProblems, sendingSchema } from '../../core/queue/schema.ts';
import { createSendingExporter } from '../../core/queue/sending-queue.ts';
import { type GrpcEndpoint, parseEndpoint } from './endpoint.ts';
import { createGrpcTransport } from './transport.ts';

export interface OtlpGrpcConfig extends SendingConfig {
  readonly endpoint: string;
  readonly tls: TlsConfig;
  readonly compression: 'gzip' | 'none';
  readonly headers: Readonly<Record<string, string>>;
  /** Empty: name and version of this build. */
  readonly user_agent: string;
  readonly wait_for_ready: boolean;
  /** Times in milliseconds; a `time` of 0 sends no pings. */
  readonly keepalive: { readonly time: number; readonly timeout: number; readonly permit_without_stream: boolean };
}

export default defineExporter<OtlpGrpcConfig>({
  type: 'otlp_grpc',
  aliases: { otlp: '"otlp" alias is deprecated; use "otlp_grpc" instead' },
  stability: 'alpha',
  description: 'Sends metrics to an OTLP server or collector by gRPC.',
  config: {
    endpoint: {
      format: text,
      default: '',
      doc: 'Required: `host:port` of the server, also with `http://`, `https://`, `dns:///`, or `unix:///path`.',
    },
    tls: tlsSchema,
    compression: compressionSchema('gzip', 'none'),
    headers: headersSchema,
    user_agent: { format: text, default: '', doc: 'Empty: `weir/VERSION (OS/ARCH)`.' },
    wait_for_ready: {
      format: boolean,
      default: false,
      doc: 'Wait for a connection, up to `timeout`, instead of failing the attempt.',
    },
    keepalive: {
      time: { format: duration, default: '0s', doc: 'Ping a quiet connection after this long; `0` for never.' },
      timeout: { format: duration, default: '20s', doc: 'Close the connection when a ping is not answered in time.' },
      permit_without_stream: { format: boolean, default: false, doc: 'Ping also when nothing is being sent.' },
    },
    ...sendingSchema('5s'),
  },
  validate(config) {
    const endpoint = parseEndpoint(config.endpoint);
    return [
      ...(typeof endpoint === 'string' ? [endpointProblem(endpoint)] : []),
      ...tlsProblems(config.tls),
      ...headerProblems(config.headers),
      ...sendingProblems(config),
    ];
  },
  create(config, host) {
    return createSendingExporter(host, config, {
      transport: createGrpcTransport(host, config, parseEndpoint(config.endpoint) as GrpcEndpoint),
      openEncoder: () => otlpPayloads(config.compression),
    });
  },
});

const endpointProblem = (message: string): ConfigProblem => ({
  path: ['endpoint'],
  message,
  fix: 'write host:port with a port of 1 to 65535, such as localhost:4317',
});
