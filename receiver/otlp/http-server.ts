/** Serves OTLP by HTTP: from a posted body to the intake, and from its answer to a status and a body. */

import type http from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate, zstdDecompress } from 'node:zlib';
import type { Host } from '../../core/component/define.ts';
import { reportOf } from '../../core/errors.ts';
import { createHttpServer as createServer } from '../../core/network/http-server.ts';
import { type ListenAddress, parseListenAddress } from '../../core/network/listen.ts';
import { encodeExportResponse, encodeStatus } from '../../core/otlp/response.ts';
import { DEFAULT_HTTP_BYTES, type HttpConfig } from './config.ts';
import type { Encoding, Intake, Taken } from './intake.ts';
import { RETRY_DELAY_MS, type RunningServer, senderOf } from './serving.ts';

/** Bodies that are being read; one more is told to come back. With the default size each takes 20 MiB at most. */
const MAX_BODIES = 64;

/** Codes of gRPC, which stand in the bodies of errors. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
const UNAVAILABLE = 14;

const encodings: Readonly<Record<string, Encoding>> = { 'application/x-protobuf': 'proto', 'application/json': 'json' };

type Unpack = (body: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;
const packings: Readonly<Record<string, Unpack>> = {
  gzip: promisify(gunzip),
  zlib: promisify(inflate),
  deflate: promisify(inflate),
  zstd: promisify(zstdDecompress),
};

/** Ends a request before it reaches the intake. */
class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function createHttpServer(host: Host, config: HttpConfig, intake: Intake): RunningServer {
  const address = parseListenAddress(config.endpoint) as ListenAddress;
  const answer = createAnswer(host, config, intake);
  // At its stop, what was taken is answered in the same turn; bodies that are still coming are not taken.
  const server = createServer({
    host,
    address,
    tls: config.tls,
    what: 'OTLP by HTTP',
    path: `receivers::${host.id}::protocols::http::endpoint`,
    example: 'localhost:4318',
    answer: (request, response) => void answer(request, response),
  });
  return { protocol: 'HTTP', address, ...server };
}

function createAnswer(host: Host, config: HttpConfig, intake: Intake) {
  const maxBytes = config.max_request_body_size || DEFAULT_HTTP_BYTES;
  let bodies = 0;

  async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
    const packing = request.headers['content-encoding'] ?? '';
    const unpack = Object.hasOwn(packings, packing) ? packings[packing] : undefined;
    if (unpack === undefined && packing !== '' && packing !== 'identity') {
      throw new Refusal(400, INVALID_ARGUMENT, `unsupported Content-Encoding: ${packing}`);
    }
    const packed = await readBody(request, maxBytes);
    if (unpack === undefined || packed.length === 0) return packed;
    try {
      return await unpack(packed, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
      throw new Refusal(400, INVALID_ARGUMENT, `the body is not ${packing}: ${(error as Error).message}`);
    }
  }

  async function serve(request: http.IncomingMessage, encoding: Encoding): Promise<Taken> {
    if (!intake.hasRoom()) return intake.refuse('http');
    if (bodies >= MAX_BODIES) throw new Refusal(503, UNAVAILABLE, `${MAX_BODIES} requests are being read`);
    bodies++;
    // Asked now: of a connection that ended while the body was unpacked it is known no more.
    const sender = senderOf(request.socket.remoteAddress);
    try {
      return intake.take(await bodyOf(request), encoding, { transport: 'http', sender });
    } finally {
      bodies--;
    }
  }

  return async (request: http.IncomingMessage, response: http.ServerResponse) => {
    for (const [name, value] of Object.entries(config.response_headers)) response.setHeader(name, value);
    const plain = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    const encoding = Object.hasOwn(encodings, type) ? encodings[type] : undefined;
    if (request.url?.split('?', 1)[0] !== config.metrics_url_path) {
      plain(404, '404 page not found\n');
    } else if (request.method !== 'POST') {
      plain(405, '405 method not allowed, supported: [POST]');
    } else if (encoding === undefined) {
      plain(415, '415 unsupported media type, supported: [application/json, application/x-protobuf]');
    } else {
      try {
        send(response, encoding, await serve(request, encoding));
      } catch (error) {
        fail(host, request, response, { encoding, error });
      }
    }
  };
}

function send(response: http.ServerResponse, encoding: Encoding, taken: Taken): void {
  if (taken.outcome === 'no_room') {
    sendError(response, encoding, new Refusal(503, UNAVAILABLE, taken.message));
  } else if (taken.outcome === 'malformed') {
    sendError(response, encoding, new Refusal(400, INVALID_ARGUMENT, taken.message));
  } else {
    const { rejectedPoints, message } = taken.response;
    const partial = { partialSuccess: { rejectedDataPoints: String(rejectedPoints), errorMessage: message } };
    const body =
      encoding === 'json'
        ? JSON.stringify(rejectedPoints === 0 ? {} : partial)
        : Buffer.from(encodeExportResponse(taken.response));
    sendBody(response, 200, encoding, body);
  }
}

interface Failure {
  readonly encoding: Encoding;
  readonly error: unknown;
}

function fail(
  { logger }: Host,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { encoding, error }: Failure,
): void {
  if (error instanceof Refusal) {
    sendError(response, encoding, error);
  } else if (request.errored !== null || request.destroyed) {
    // Whoever sent went away before the end of the body, of which nothing was taken.
    response.destroy();
  } else {
    // A defect: this request is not taken, and the agent goes on.
    logger.error('A request failed.', { error });
    sendError(response, encoding, new Refusal(500, INTERNAL, reportOf(error)));
  }
}

function sendError(response: http.ServerResponse, encoding: Encoding, { status, code, message }: Refusal): void {
  if (status === 503) response.setHeader('retry-after', String(Math.ceil(RETRY_DELAY_MS / 1000)));
  const body = encoding === 'json' ? JSON.stringify({ code, message }) : Buffer.from(encodeStatus({ code, message }));
  sendBody(response, status, encoding, body);
}

const sendBody = (response: http.ServerResponse, status: number, encoding: Encoding, body: string | Buffer) =>
  response
    .writeHead(status, { 'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf' })
    .end(body);

const tooLarge = (maxBytes: number) =>
  new Refusal(413, RESOURCE_EXHAUSTED, `the body is larger than ${maxBytes} bytes: send smaller requests`);

async function readBody(request: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const parts: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when left early: the answer goes out on the same connection.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
