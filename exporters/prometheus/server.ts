/** Serves `/metrics`. A scrape costs nobody else: it is sent in pieces, as fast as it is read, and gives way in between. */

import type http from 'node:http';
import { finished, pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { createGzip, type Gzip } from 'node:zlib';
import type { Host } from '../../core/component/define.ts';
import { createHttpServer, type HttpServer } from '../../core/network/http-server.ts';
import type { ListenAddress } from '../../core/network/listen.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { PrometheusConfig } from './config.ts';
import { type Exposition, type Format, PIECE_BYTES } from './exposition.ts';
import { acceptsGzip, negotiateFormat } from './negotiate.ts';

/** Scrapes that are answered at the same time; one more is told to come back. Each holds half a megabyte. */
export const MAX_SCRAPES = 8;
/** Connections kept at the same time; one more is closed. */
const MAX_CONNECTIONS = 128;
/** A scrape lets others run after this long. */
const BUSY_MS = 4;
/** Bytes of labels repeat so much that better compression is not worth its time. */
const GZIP_LEVEL = 1;

export interface ServerParts {
  readonly host: Host;
  readonly config: PrometheusConfig;
  readonly address: ListenAddress;
  /** The exposition of this moment. */
  expose(format: Format): Exposition;
}

export function createMetricsServer(parts: ServerParts): HttpServer {
  const { host, config, address } = parts;
  const answer = createAnswer(parts);
  return createHttpServer({
    host,
    address,
    tls: config.tls,
    what: 'metrics',
    path: `exporters::${host.id}::endpoint`,
    example: 'localhost:8889',
    answer: (request, response) => void answer(request, response),
    limit(server) {
      server.maxConnections = MAX_CONNECTIONS;
      server.headersTimeout = config.read_header_timeout;
      server.keepAliveTimeout = config.idle_timeout;
      // Requests have no body that would be read.
      server.requestTimeout = config.read_header_timeout;
    },
  });
}

type Outcome = 'served' | 'aborted' | 'refused';

function createAnswer({ host, config, expose }: ServerParts) {
  const scrapes = host.metrics.counter({
    name: 'otelcol_exporter_prometheus_scrapes_total',
    help: `Scrapes: served, aborted by the scraper or by write_timeout, refused beyond ${MAX_SCRAPES} at a time.`,
  });
  const count = (outcome: Outcome, amount = 1) => scrapes.add(amount, { exporter: host.id, outcome });
  for (const outcome of ['served', 'aborted', 'refused'] as const) count(outcome, 0);
  let running = 0;

  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { format, contentType } = negotiateFormat(request.headers.accept, config.enable_open_metrics);
    const gzip = acceptsGzip(request.headers['accept-encoding']?.toString());
    response.writeHead(200, {
      ...config.response_headers,
      'content-type': contentType,
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const limit = timeLimit(host.clock, config.write_timeout);
    limit.signal.addEventListener('abort', () => response.destroy(), { once: true });
    try {
      await send(expose(format), response, gzip);
      count('served');
    } catch (error) {
      // Whoever asked went away, or reads too slowly to ever have it all; the next scrape begins anew.
      count('aborted');
      host.logger.debug('A scrape was not read to its end.', { error: String(error) });
    } finally {
      limit.end();
    }
  };

  return async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const refuse = (status: number, text: string, headers: http.OutgoingHttpHeaders = {}) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(text);
    if (request.url?.split('?', 1)[0] !== '/metrics') {
      refuse(404, 'See /metrics\n');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(405, 'GET or HEAD\n', { allow: 'GET, HEAD' });
    } else if (running >= MAX_SCRAPES) {
      count('refused');
      refuse(503, `${MAX_SCRAPES} scrapes are being answered; try again\n`, { 'retry-after': '1' });
    } else {
      running++;
      try {
        await serve(request, response);
      } catch (error) {
        // A defect: this scrape breaks off, so that nobody takes it for whole, and the agent goes on.
        host.logger.error('A scrape failed.', { error });
        response.destroy();
      } finally {
        running--;
      }
    }
  };
}

/** A signal that aborts after a time, unless it has ended by then; 0 is no limit. */
function timeLimit(clock: Clock, limitMs: number): { readonly signal: AbortSignal; end(): void } {
  const over = new AbortController();
  const ended = new AbortController();
  if (limitMs > 0) {
    void clock.sleep(limitMs, ended.signal).then(() => {
      if (!ended.signal.aborted) over.abort(new Error(`not read within ${limitMs} ms`));
    });
  }
  return { signal: over.signal, end: () => ended.abort() };
}

/** Resolves when everything was handed to the system; rejects when the connection is closed before. */
async function send(exposition: Exposition, response: http.ServerResponse, gzip: boolean): Promise<void> {
  const sink = gzip ? createGzip({ level: GZIP_LEVEL, chunkSize: PIECE_BYTES }) : response;
  const whole = sink === response ? finished(response) : pipeline(sink as Gzip, response);
  // Rejections are seen by whoever waits for the next write; there may be nobody yet.
  whole.catch(() => undefined);
  const buffers = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  const writes: Promise<unknown>[] = [];
  let beganMs = performance.now();
  for (let number = 0; number < exposition.pieces; number++) {
    const turn = number % buffers.length;
    // A buffer is free when its last piece has been taken; a connection that is closed may never say so.
    await Promise.race([writes[turn], whole]);
    const piece = exposition.piece(number, buffers[turn]!);
    writes[turn] = new Promise((resolve) => sink.write(piece, resolve));
    if (performance.now() - beganMs < BUSY_MS) continue;
    await setImmediate();
    beganMs = performance.now();
  }
  sink.end();
  await whole;
}
