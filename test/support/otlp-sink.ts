/**
 * A real OTLP server for tests, gRPC and HTTP: keeps every point it accepts and answers as it is told. As a program,
 * `node test/support/otlp-sink.ts --grpc 0.0.0.0:4317 --http 0.0.0.0:4318 --out points.jsonl [--refuse-while FILE]
 * [--hold-while FILE] [--key FILE --cert FILE] [--bodies FILE]`, it appends points as JSON lines, and
 * bodies as lines of base64, before it answers, refuses with UNAVAILABLE or 503 for as long as the first FILE exists, and
 * keeps answers back for as long as the second does.
 */

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { decodeRequest, encodeResponse, encodeStatus } from './otlp-protos.ts';
import { pointsOf, type ReceivedPoint } from './received-points.ts';

const HOLD_POLL_MS = 5;

/** How to answer a request otherwise than by accepting it. */
export interface Answer {
  /** Refuse: status code of gRPC, and of HTTP. */
  readonly grpcStatus?: number;
  readonly httpStatus?: number;
  readonly message?: string;
  /** RetryInfo of gRPC; Retry-After of HTTP as it is sent. */
  readonly retryDelayMs?: number;
  readonly retryAfter?: string;
  /** Accept, but for this many points. */
  readonly rejectedPoints?: number;
  /** Never answer. */
  readonly hang?: boolean;
}

export const unavailable: Answer = { grpcStatus: grpc.status.UNAVAILABLE, httpStatus: 503, message: 'try again later' };

export interface ReceivedRequest {
  /** Lower-case names; of gRPC the metadata. Of HTTP also `:path`, and `:client`, which is the port of the connection. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body, not compressed. */
  readonly bytes: number;
  readonly accepted: boolean;
}

export interface OtlpSink {
  /** `127.0.0.1:port`. */
  readonly grpcAddress: string;
  /** `http://127.0.0.1:port`, to which a client adds /v1/metrics. */
  readonly httpUrl: string;
  /** Points of the requests that were accepted, in order. */
  readonly points: ReceivedPoint[];
  readonly requests: ReceivedRequest[];
  /** Taken one a request, before `always`. */
  readonly answers: Answer[];
  /** The answer to every other request; undefined accepts. */
  always: Answer | undefined;
  /** Resolves when the condition holds; looked at after each request. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

export interface SinkOptions {
  /** host:port to listen at; port 0 picks one. Default loopback. */
  readonly grpc?: string;
  readonly http?: string;
  /** PEM; both servers then speak TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly onPoints?: (points: readonly ReceivedPoint[], body: Buffer) => void;
  /** Awaited between taking points and answering. */
  readonly beforeAnswer?: () => Promise<void>;
}

const METRICS_SERVICE = {
  Export: {
    path: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
} as const;

export async function startOtlpSink(options: SinkOptions = {}): Promise<OtlpSink> {
  const watchers = new Set<() => void>();
  const sink = {
    points: [] as ReceivedPoint[],
    requests: [] as ReceivedRequest[],
    answers: [] as Answer[],
    always: undefined as Answer | undefined,
  };

  /** Keeps the points unless the answer refuses them; gives the answer. */
  const receive = (headers: Readonly<Record<string, string>>, body: Buffer): Answer => {
    const answer = sink.answers.shift() ?? sink.always ?? {};
    const accepted = answer.hang !== true && answer.grpcStatus === undefined && answer.httpStatus === undefined;
    const points = pointsOf(decodeRequest(body));
    sink.requests.push({ headers, bytes: body.length, accepted });
    if (accepted) {
      sink.points.push(...points);
      options.onPoints?.(points, body);
    }
    setImmediate(() => {
      for (const watcher of watchers) watcher();
    });
    return answer;
  };

  const grpcServer = await startGrpc(options, receive);
  const httpServer = await startHttp(options, receive);
  return Object.assign(sink, {
    grpcAddress: grpcServer.address,
    httpUrl: httpServer.url,
    until: (condition: () => boolean) =>
      new Promise<void>((resolve) => {
        const watcher = () => {
          if (!condition()) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
        watcher();
      }),
    close: async () => {
      await Promise.all([grpcServer.close(), httpServer.close()]);
    },
  });
}

type Receive = (headers: Readonly<Record<string, string>>, body: Buffer) => Answer;

async function startGrpc(options: SinkOptions, receive: Receive) {
  const server = new grpc.Server();
  server.addService(METRICS_SERVICE, {
    async Export(call: grpc.ServerUnaryCall<Buffer, Buffer>, respond: grpc.sendUnaryData<Buffer>) {
      const headers = Object.fromEntries(Object.entries(call.metadata.getMap()).map(([k, v]) => [k, String(v)]));
      const answer = receive(headers, call.request);
      if (answer.hang) return;
      await options.beforeAnswer?.();
      if (answer.grpcStatus === undefined) {
        respond(null, responseOf(answer));
        return;
      }
      const metadata = new grpc.Metadata();
      const details = encodeStatus(answer.grpcStatus, answer.message ?? '', answer.retryDelayMs);
      if (answer.retryDelayMs !== undefined) metadata.set('grpc-status-details-bin', details);
      respond({ code: answer.grpcStatus, details: answer.message ?? '', metadata });
    },
  });
  const credentials =
    options.tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(options.tls.key), cert_chain: Buffer.from(options.tls.cert) },
        ]);
  const address = options.grpc ?? '127.0.0.1:0';
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    close: async () => server.forceShutdown(),
  };
}

async function startHttp(options: SinkOptions, receive: Receive) {
  const handle: http.RequestListener = async (request, response) => {
    const body = decompressed(request.headers['content-encoding'], Buffer.concat(await request.toArray()));
    const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
    const answer = receive(
      { ...headers, ':path': request.url ?? '', ':client': String(request.socket.remotePort) },
      body,
    );
    if (answer.hang) return;
    await options.beforeAnswer?.();
    response.setHeader('content-type', 'application/x-protobuf');
    if (answer.retryAfter !== undefined) response.setHeader('retry-after', answer.retryAfter);
    response.statusCode = answer.httpStatus ?? 200;
    response.end(answer.httpStatus === undefined ? responseOf(answer) : encodeStatus(0, answer.message ?? ''));
  };
  const server = options.tls === undefined ? http.createServer(handle) : https.createServer(options.tls, handle);
  const [, host = '127.0.0.1', port = '0'] = /^(.*):(\d+)$/.exec(options.http ?? '127.0.0.1:0') ?? [];
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(Number(port), host.replace(/^\[|\]$/g, ''), resolve);
  });
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function decompressed(encoding: string | undefined, body: Buffer): Buffer {
  if (encoding === 'gzip') return gunzipSync(body);
  return encoding === 'zstd' ? zstdDecompressSync(body) : body;
}

const responseOf = ({ rejectedPoints, message }: Answer): Buffer =>
  encodeResponse(
    rejectedPoints === undefined && message === undefined
      ? undefined
      : { rejectedDataPoints: rejectedPoints ?? 0, errorMessage: message ?? '' },
  );

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      grpc: { type: 'string' },
      http: { type: 'string' },
      out: { type: 'string' },
      bodies: { type: 'string' },
      'refuse-while': { type: 'string' },
      'hold-while': { type: 'string' },
      key: { type: 'string' },
      cert: { type: 'string' },
    },
  });
  const { grpc, http, out, bodies, 'refuse-while': refuseWhile, 'hold-while': holdWhile, key, cert } = values;
  if (out === undefined) throw new Error('--out FILE is missing');
  const asText = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
  const sink = await startOtlpSink({
    ...(grpc === undefined ? {} : { grpc }),
    ...(http === undefined ? {} : { http }),
    beforeAnswer: async () => {
      while (holdWhile !== undefined && existsSync(holdWhile)) await delay(HOLD_POLL_MS);
    },
    ...(key === undefined || cert === undefined
      ? {}
      : { tls: { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') } }),
    onPoints: (points, body) => {
      if (bodies !== undefined) appendFileSync(bodies, body.toString('base64').concat('\n'));
      appendFileSync(out, points.map((point) => `${JSON.stringify(point, asText)}\n`).join(''));
      for (const list of [sink.points, sink.requests]) list.length = 0;
    },
  });
  if (refuseWhile !== undefined) {
    Object.defineProperty(sink, 'always', { get: () => (existsSync(refuseWhile) ? unavailable : undefined) });
  }
  process.stdout.write(`${JSON.stringify({ grpc: sink.grpcAddress, http: sink.httpUrl })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0));
}

if (import.meta.main) await main();
