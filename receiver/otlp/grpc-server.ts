/** Serves OTLP by gRPC: from a unary Export call to the intake, and from its answer to a status. */

import net from 'node:net';
import tls from 'node:tls';
import type { Server, ServerOptions, ServerUnaryCall, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import type { Host } from '../../core/component/define.ts';
import { reportOf } from '../../core/errors.ts';
import { type ListenAddress, listen, parseListenAddress } from '../../core/network/listen.ts';
import { encodeExportResponse, encodeStatus } from '../../core/otlp/response.ts';
import { loadServerTls } from '../../core/otlp/server-tls.ts';
import { DEFAULT_GRPC_MIB, type GrpcConfig } from './config.ts';
import type { Intake, Taken } from './intake.ts';
import { RETRY_DELAY_MS, type RunningServer, senderOf } from './serving.ts';

type Grpc = typeof import('@grpc/grpc-js');

/** Calls that run when it stops are answered within this time: nothing waits in them. */
const STOP_PATIENCE_MS = 2000;

const identity = (bytes: Buffer): Buffer => bytes;

const service: ServiceDefinition = {
  Export: {
    path: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};

export function createGrpcServer(host: Host, config: GrpcConfig, intake: Intake): RunningServer {
  const address = parseListenAddress(config.endpoint) as ListenAddress;
  let listener: net.Server | undefined;
  let server: Server | undefined;
  const stopped = new AbortController();
  return {
    protocol: 'gRPC',
    address,
    async start() {
      // Loaded here: 17 MB that an agent without it does not need.
      const grpc = await import('@grpc/grpc-js');
      const made = new grpc.Server(serverOptions(config));
      made.addService(service, {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) =>
          answer(
            grpc,
            host,
            () => intake.take(call.request, 'proto', { transport: 'grpc', sender: addressOf(call) }),
            respond,
          ),
      });
      // Connections are accepted here, where TLS and errors are those of every other server.
      const { injectConnection } = made.createConnectionInjector(grpc.ServerCredentials.createInsecure());
      let secured: tls.Server | undefined;
      const options = await loadServerTls(config.tls, {
        host,
        stopped: stopped.signal,
        renewed: (renewed) => secured?.setSecureContext(renewed),
      });
      if (options !== undefined) secured = tls.createServer({ ...options, ALPNProtocols: ['h2'] }, injectConnection);
      listener = secured ?? net.createServer(injectConnection);
      listener.on('tlsClientError', (error: Error) =>
        host.logger.debug('A client could not connect.', { error: String(error) }),
      );
      server = made;
      const port = await listen(listener, {
        ...address,
        what: 'OTLP by gRPC',
        path: `receivers::${host.id}::protocols::grpc::endpoint`,
        otherwise: { busy: 'give another port', refused: 'give an address of this host, such as localhost:4317' },
      });
      listener.on('error', (error) => host.logger.warn('The gRPC endpoint failed to accept a connection.', { error }));
      return port;
    },
    async stop() {
      stopped.abort();
      listener?.close();
      listener = undefined;
      const stopping = server;
      server = undefined;
      if (stopping === undefined) return;
      const waited = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => stopping.tryShutdown(() => resolve())),
        host.clock.sleep(STOP_PATIENCE_MS, waited.signal),
      ]);
      waited.abort();
      stopping.forceShutdown();
    },
  };
}

/** What gRPC calls a peer is an address, a colon and a port. */
function addressOf(call: ServerUnaryCall<Buffer, Buffer>): string | undefined {
  return senderOf(call.getPeer().replace(/:\d+$/, ''));
}

function serverOptions({ max_recv_msg_size_mib, max_concurrent_streams, keepalive }: GrpcConfig): ServerOptions {
  const { max_connection_idle, max_connection_age, max_connection_age_grace, time, timeout } =
    keepalive.server_parameters;
  const given = {
    'grpc.max_concurrent_streams': max_concurrent_streams,
    'grpc.max_connection_idle_ms': max_connection_idle,
    'grpc.max_connection_age_ms': max_connection_age,
    'grpc.max_connection_age_grace_ms': max_connection_age_grace,
    'grpc.keepalive_time_ms': time,
    'grpc.keepalive_timeout_ms': timeout,
  };
  return {
    'grpc.max_receive_message_length': (max_recv_msg_size_mib || DEFAULT_GRPC_MIB) * 1024 * 1024,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value > 0)),
  };
}

function answer(grpc: Grpc, { logger }: Host, take: () => Taken, respond: sendUnaryData<Buffer>): void {
  const refuse = (code: number, message: string, retryDelayMs?: number) => {
    const metadata = new grpc.Metadata();
    if (retryDelayMs !== undefined) {
      metadata.set('grpc-status-details-bin', Buffer.from(encodeStatus({ code, message, retryDelayMs })));
    }
    respond({ code, details: message, metadata });
  };
  try {
    const taken = take();
    if (taken.outcome === 'taken') respond(null, Buffer.from(encodeExportResponse(taken.response)));
    else if (taken.outcome === 'no_room') refuse(grpc.status.UNAVAILABLE, taken.message, RETRY_DELAY_MS);
    else refuse(grpc.status.INVALID_ARGUMENT, taken.message);
  } catch (error) {
    // A defect: this request is not taken, and the agent goes on.
    logger.error('A request failed.', { error });
    refuse(grpc.status.INTERNAL, reportOf(error));
  }
}
