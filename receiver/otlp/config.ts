/** The keys of `otlp`, upstream's as far as they have a meaning here, and what is wrong with them, in upstream's words. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { optionalBlock } from '../../core/config/block.ts';
import { duration, headers, nonNegativeInteger, oneOf, text } from '../../core/config/formats.ts';
import type { ConfigSchema, Property } from '../../core/config/schema.ts';
import { endpointProblems } from '../../core/network/listen.ts';
import { headerProblems } from '../../core/otlp/client-schema.ts';
import { type ServerTlsConfig, serverTlsProblems, serverTlsSchema } from '../../core/otlp/server-tls.ts';

export interface GrpcConfig {
  readonly endpoint: string;
  readonly transport: 'tcp';
  /** 0: the default of gRPC. */
  readonly max_recv_msg_size_mib: number;
  /** 0: no limit. */
  readonly max_concurrent_streams: number;
  readonly keepalive: {
    /** Milliseconds; 0: the default of gRPC, which is never but for the last two. */
    readonly server_parameters: {
      readonly max_connection_idle: number;
      readonly max_connection_age: number;
      readonly max_connection_age_grace: number;
      readonly time: number;
      readonly timeout: number;
    };
  };
  readonly tls: ServerTlsConfig;
}

export interface HttpConfig {
  readonly endpoint: string;
  readonly metrics_url_path: string;
  /** Bytes; 0: the default. */
  readonly max_request_body_size: number;
  readonly response_headers: Readonly<Record<string, string>>;
  readonly tls: ServerTlsConfig;
}

export interface OtlpConfig {
  /** Null: not served. */
  readonly protocols: { readonly grpc: GrpcConfig | null; readonly http: HttpConfig | null };
}

export const DEFAULT_GRPC_MIB = 4;
export const DEFAULT_HTTP_BYTES = 20 * 1024 * 1024;
/** No message is larger: a length beyond is refused before it is read. */
const MAX_MIB = 2047;

const endpoint = (port: number): Property<string> => ({
  format: text,
  default: `localhost:${port}`,
  doc: 'Address and port to listen at; `0.0.0.0:PORT` for every IPv4 address, `[::]:PORT` for all.',
});
const sometime = (doc: string): Property<number> => ({ format: duration, default: '0s', doc });

const grpc: ConfigSchema<GrpcConfig> = {
  endpoint: endpoint(4317),
  transport: { format: oneOf('tcp'), default: 'tcp', doc: 'Only `tcp`.' },
  max_recv_msg_size_mib: {
    format: nonNegativeInteger,
    default: 0,
    doc: `MiB of the largest request, not compressed; 0: ${DEFAULT_GRPC_MIB}.`,
  },
  max_concurrent_streams: {
    format: nonNegativeInteger,
    default: 0,
    doc: 'Requests at the same time on one connection; 0: no limit.',
  },
  keepalive: {
    server_parameters: {
      max_connection_idle: sometime('Close a connection without requests after this long; `0s` for never.'),
      max_connection_age: sometime('Close every connection after this long, so that clients spread; `0s` for never.'),
      max_connection_age_grace: sometime('Time for requests that run then; `0s` for no limit.'),
      time: sometime('Ping a connection that is quiet for this long; `0s`: two hours.'),
      timeout: sometime('Close it when the ping is not answered in time; `0s`: 20 s.'),
    },
  },
  tls: serverTlsSchema('clients'),
};

const http: ConfigSchema<HttpConfig> = {
  endpoint: endpoint(4318),
  metrics_url_path: { format: text, default: '/v1/metrics', doc: 'Where metrics are posted.' },
  max_request_body_size: {
    format: nonNegativeInteger,
    default: 0,
    doc: 'Bytes of the largest body, compressed and not; 0: 20 MiB.',
  },
  response_headers: { format: headers, default: {}, doc: 'Headers of every answer; values are secret.' },
  tls: serverTlsSchema('clients'),
};

export const schema: ConfigSchema<OtlpConfig> = {
  protocols: {
    grpc: {
      format: optionalBlock(grpc),
      default: false,
      doc: 'With this key, also without a value, OTLP is served by gRPC.',
    },
    http: {
      format: optionalBlock(http),
      default: false,
      doc: 'With this key, also without a value, OTLP is served by HTTP, as protobuf and JSON.',
    },
  },
};

export function problemsOf({ protocols: { grpc, http } }: OtlpConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (grpc === null && http === null) {
    const message = 'must specify at least one protocol when using the OTLP receiver';
    problems.push({ path: ['protocols'], message, fix: 'write protocols: {grpc: , http: }' });
  }
  const below = (protocol: 'grpc' | 'http', found: readonly ConfigProblem[]) =>
    problems.push(...found.map((problem) => ({ ...problem, path: ['protocols', protocol, ...problem.path] })));
  if (grpc !== null) {
    below('grpc', [...endpointProblems(grpc.endpoint, 'localhost:4317'), ...serverTlsProblems(grpc.tls)]);
    const mib = grpc.max_recv_msg_size_mib;
    if (mib > MAX_MIB) {
      const message = `invalid max_recv_msg_size_mib value, must be between 1 and ${MAX_MIB}: ${mib}`;
      below('grpc', [{ path: ['max_recv_msg_size_mib'], message, fix: `write ${MAX_MIB} or less` }]);
    }
  }
  if (http !== null) {
    below('http', [
      ...endpointProblems(http.endpoint, 'localhost:4318'),
      ...serverTlsProblems(http.tls),
      ...headerProblems(http.response_headers, 'response_headers'),
    ]);
    if (!http.metrics_url_path.startsWith('/')) {
      const message = `metrics_url_path "${http.metrics_url_path}" does not begin with /`;
      below('http', [{ path: ['metrics_url_path'], message, fix: 'such as /v1/metrics' }]);
    }
  }
  return problems;
}
