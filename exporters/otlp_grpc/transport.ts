/** One unary Export call a payload, and what its status means: accepted, to be sent again, or refused for good. */

import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { CallOptions, ChannelCredentials, ChannelOptions, Client, Metadata, ServiceError } from '@grpc/grpc-js';
import type { Host } from '../../core/component/define.ts';
import { reportOf, WeirError } from '../../core/errors.ts';
import { decodeExportResponse, decodeStatus } from '../../core/otlp/response.ts';
import { loadTls } from '../../core/otlp/tls.ts';
import type { Delivery, Transport } from '../../core/queue/transport.ts';
import type { GrpcEndpoint } from './endpoint.ts';
import { declareGzip } from './gzip-filter.ts';
import { limitHandshakes } from './handshake-limit.ts';
import type { OtlpGrpcConfig } from './index.ts';

type Grpc = typeof import('@grpc/grpc-js');

const EXPORT_METHOD = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';

/** What the specification lets a server answer at most. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** A server that comes back is found within this time; retries are further apart, so a connection never delays them. */
const MAX_RECONNECT_WAIT_MS = 5000;

const identity = (bytes: Buffer): Buffer => bytes;

interface Connection {
  readonly grpc: Grpc;
  readonly client: Client;
  readonly metadata: Metadata;
  /** Under way. */
  calls: number;
  /** Another one is in its place, and it closes with the last call. */
  replaced: boolean;
}

export function createGrpcTransport(host: Host, config: OtlpGrpcConfig, endpoint: GrpcEndpoint): Transport {
  let connection: Connection | undefined;
  const stopped = new AbortController();
  return {
    async start() {
      // Loaded here: 17 MB that an agent without this exporter does not need.
      const grpc = await import('@grpc/grpc-js');
      const metadata = requestMetadata(grpc, config);
      const connect = (credentials: ChannelCredentials) => {
        const limited = limitHandshakes(credentials, stopped.signal);
        const client = new grpc.Client(endpoint.target, limited, channelOptions(host, config));
        if (config.compression === 'gzip') declareGzip(client, grpc);
        if (connection !== undefined) replace(connection);
        connection = { grpc, client, metadata, calls: 0, replaced: false };
      };
      if (!isSecure(host, config, endpoint)) {
        connect(grpc.credentials.createInsecure());
        return;
      }
      const connectBy = (options: SecureContextOptions) =>
        connect(
          grpc.ChannelCredentials.createFromSecureContext(createSecureContext(options), {
            rejectUnauthorized: !config.tls.insecure_skip_verify,
          }),
        );
      connectBy(await loadTls(config.tls, { host, stopped: stopped.signal, renewed: connectBy }));
    },
    async stop() {
      connection?.client.close();
      stopped.abort();
      connection = undefined;
    },
    async send(payload, signal) {
      if (connection === undefined) return { outcome: 'retryable', error: 'the exporter is not started' };
      return call(connection, Buffer.from(payload.body.buffer, payload.body.byteOffset, payload.body.length), signal);
    },
  };
}

function replace(connection: Connection): void {
  connection.replaced = true;
  if (connection.calls === 0) connection.client.close();
}

function call(connection: Connection, body: Buffer, signal: AbortSignal): Promise<Delivery> {
  const { grpc, client, metadata } = connection;
  connection.calls += 1;
  return new Promise((resolve) => {
    const options: CallOptions = {};
    const answer = (error: ServiceError | null, response?: Buffer) => {
      signal.removeEventListener('abort', cancel);
      connection.calls -= 1;
      if (connection.replaced && connection.calls === 0) client.close();
      resolve(error === null ? accepted(response ?? Buffer.alloc(0)) : failed(grpc, error));
    };
    const pending = client.makeUnaryRequest(EXPORT_METHOD, identity, identity, body, metadata, options, answer);
    const cancel = () => pending.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
  });
}

function accepted(response: Buffer): Delivery {
  try {
    return { outcome: 'accepted', ...decodeExportResponse(response) };
  } catch (error) {
    // The server said OK: sending again could only count the points twice.
    return { outcome: 'accepted', rejectedPoints: 0, message: `the response cannot be read: ${reportOf(error)}` };
  }
}

function failed(grpc: Grpc, error: ServiceError): Delivery {
  const { status } = grpc;
  const text = `rpc error: code = ${codeName(grpc, error.code)} desc = ${error.details}`;
  const throttleMs = retryDelayMs(error.metadata);
  const retryable =
    error.code === status.RESOURCE_EXHAUSTED
      ? throttleMs !== undefined
      : [
          status.CANCELLED,
          status.DEADLINE_EXCEEDED,
          status.ABORTED,
          status.OUT_OF_RANGE,
          status.UNAVAILABLE,
          status.DATA_LOSS,
        ].includes(error.code);
  if (!retryable) return { outcome: 'permanent', error: text };
  return { outcome: 'retryable', error: text, ...(throttleMs === undefined ? {} : { throttleMs }) };
}

/** RetryInfo among the details of the status; undefined when the server gave none that can be read. */
function retryDelayMs(metadata: Metadata): number | undefined {
  const [details] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(details)) return undefined;
  try {
    return decodeStatus(details).retryDelayMs;
  } catch {
    // Details are an addition to the code, which stands without them.
    return undefined;
  }
}

/** As Go prints it: `DeadlineExceeded`. */
function codeName(grpc: Grpc, code: number): string {
  if (code === grpc.status.CANCELLED) return 'Canceled';
  const name = grpc.status[code] ?? String(code);
  return name.replace(/_?([A-Z])([A-Z]*)/g, (_, first: string, rest: string) => first + rest.toLowerCase());
}

function isSecure(host: Host, config: OtlpGrpcConfig, endpoint: GrpcEndpoint): boolean {
  if (config.tls.insecure && endpoint.scheme !== 'https') return false;
  if (endpoint.scheme === 'http') {
    host.logger.warn('The endpoint begins with http://, and TLS stays on. Set tls::insecure to true to send without.', {
      endpoint: config.endpoint,
    });
  }
  return true;
}

function channelOptions(host: Host, config: OtlpGrpcConfig): ChannelOptions {
  const { keepalive, tls } = config;
  const { command, version } = host.build;
  return {
    'grpc.primary_user_agent': config.user_agent || `${command}/${version} (${process.platform}/${process.arch})`,
    'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_WAIT_MS,
    // The queue retries, and settings come from the configuration, not from DNS.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    ...(tls.server_name_override === '' ? {} : { 'grpc.ssl_target_name_override': tls.server_name_override }),
    ...(keepalive.time === 0
      ? {}
      : {
          'grpc.keepalive_time_ms': keepalive.time,
          'grpc.keepalive_timeout_ms': keepalive.timeout,
          'grpc.keepalive_permit_without_calls': keepalive.permit_without_stream ? 1 : 0,
        }),
  };
}

function requestMetadata(grpc: Grpc, config: OtlpGrpcConfig): Metadata {
  const metadata = new grpc.Metadata({ waitForReady: config.wait_for_ready });
  for (const [name, value] of Object.entries(config.headers)) {
    try {
      metadata.set(name, value);
    } catch (cause) {
      throw new WeirError('component/start', `header "${name}" cannot be sent by gRPC`, {
        fix: 'names are lower case letters, digits, - and _, and do not end in -bin',
        cause,
      });
    }
  }
  return metadata;
}
