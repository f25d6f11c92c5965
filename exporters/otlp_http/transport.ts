/** One POST a payload over kept connections, and what its status means: accepted, to be sent again, or refused for good. */

import http from 'node:http';
import https from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { Host } from '../../core/component/define.ts';
import { reportOf, WeirError } from '../../core/errors.ts';
import type { TlsConfig } from '../../core/otlp/client-schema.ts';
import { decodeExportResponse, decodeStatus } from '../../core/otlp/response.ts';
import { loadTls } from '../../core/otlp/tls.ts';
import type { Delivery, Transport } from '../../core/queue/transport.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { OtlpHttpConfig } from './index.ts';

const CONTENT_TYPE = 'application/x-protobuf';

/** More of an answer than this is not read. */
const MAX_RESPONSE_BYTES = 64 * 1024;

const RETRYABLE_STATUS: readonly number[] = [429, 502, 503, 504];
/** How writing to a connection fails that the other side has closed. */
const STALE_CONNECTION: readonly string[] = ['ECONNRESET', 'EPIPE'];
const THROTTLING_STATUS: readonly number[] = [429, 503];

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export function createHttpTransport(host: Host, config: OtlpHttpConfig, url: URL): Transport {
  const secure = url.protocol === 'https:';
  let agent: http.Agent | undefined;
  const stopped = new AbortController();
  const headers = {
    'user-agent': `${host.build.command}/${host.build.version} (${process.platform}/${process.arch})`,
    ...config.headers,
    'content-type': CONTENT_TYPE,
    ...(config.compression === 'none' ? {} : { 'content-encoding': config.compression }),
  };
  return {
    async start() {
      if (!secure) {
        agent = new http.Agent({ keepAlive: true });
        return;
      }
      const renewed = (options: SecureContextOptions) => {
        if (agent !== undefined) closeWhenIdle(agent);
        agent = secureAgent(config.tls, options);
      };
      agent = secureAgent(config.tls, await loadTls(config.tls, { host, stopped: stopped.signal, renewed }));
    },
    async stop() {
      stopped.abort();
      agent?.destroy();
      agent = undefined;
    },
    async send(payload, signal) {
      if (agent === undefined) return { outcome: 'retryable', error: 'the exporter is not started' };
      try {
        const options = {
          method: 'POST',
          agent,
          signal,
          headers: { ...headers, 'content-length': payload.body.length },
        };
        const request = secure ? https.request : http.request;
        return deliveryOf(await post({ request, url, options, body: payload.body }), url, host.clock);
      } catch (error) {
        return { outcome: 'retryable', error: `failed to make an HTTP request: ${transportError(error)}` };
      }
    },
  };
}

function secureAgent(tls: TlsConfig, options: SecureContextOptions): https.Agent {
  return new https.Agent({
    keepAlive: true,
    ...options,
    rejectUnauthorized: !tls.insecure_skip_verify,
    ...(tls.server_name_override === '' ? {} : { servername: tls.server_name_override }),
  });
}

/** Requests that are under way come to their end. */
function closeWhenIdle(agent: http.Agent): void {
  agent.maxFreeSockets = 0;
  for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
}

interface Request {
  readonly request: typeof http.request;
  readonly url: URL;
  readonly options: http.RequestOptions;
  readonly body: Uint8Array;
}

/** A kept connection that the server closed at the same moment says nothing about the server: once more on another. */
async function post(parts: Request): Promise<Answer> {
  const first = await attempt(parts);
  const answer = first === 'stale connection' ? await attempt(parts) : first;
  if (answer !== 'stale connection') return answer;
  throw new WeirError('export/failed', 'the server closed the connection without an answer');
}

function attempt({ request, url, options, body }: Request): Promise<Answer | 'stale connection'> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => resolve(answerOf(response)));
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const stale = sent.reusedSocket && STALE_CONNECTION.includes(error.code ?? '');
      if (stale) resolve('stale connection');
      else reject(error);
    });
    sent.end(body);
  });
}

/** The status decides: what cuts the body off, a timeout too, does not unsay it. */
function answerOf(response: http.IncomingMessage): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      if (bytes < MAX_RESPONSE_BYTES) chunks.push(chunk.subarray(0, MAX_RESPONSE_BYTES - bytes));
      bytes += chunk.length;
    });
    const finish = () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
    response.on('end', finish);
    response.on('error', finish);
  });
}

function deliveryOf(answer: Answer, url: URL, clock: Clock): Delivery {
  const { status, headers, body } = answer;
  const protobuf = headers['content-type']?.startsWith(CONTENT_TYPE) ?? false;
  if (status >= 200 && status < 300) return accepted(protobuf ? body : Buffer.alloc(0));
  const error = `error exporting items, request to ${shown(url)} responded with HTTP Status Code ${status}${
    protobuf ? statusMessage(body) : ''
  }`;
  if (!RETRYABLE_STATUS.includes(status)) return { outcome: 'permanent', error };
  const throttleMs = THROTTLING_STATUS.includes(status) ? retryAfterMs(headers['retry-after'], clock) : undefined;
  return { outcome: 'retryable', error, ...(throttleMs === undefined ? {} : { throttleMs }) };
}

function accepted(response: Buffer): Delivery {
  try {
    return { outcome: 'accepted', ...decodeExportResponse(response) };
  } catch (error) {
    // The server said OK: sending again could only count the points twice.
    return { outcome: 'accepted', rejectedPoints: 0, message: `the response cannot be read: ${reportOf(error)}` };
  }
}

function statusMessage(body: Buffer): string {
  try {
    const { message } = decodeStatus(body);
    return message === '' ? '' : `, Message=${message}`;
  } catch {
    // The body only explains the status code, which stands without it.
    return '';
  }
}

/** Seconds or an HTTP date; undefined for anything else. */
function retryAfterMs(value: string | undefined, clock: Clock): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - Number(clock.nowNs() / 1_000_000n));
}

/** Without user and password. */
const shown = (url: URL): string => `${url.origin}${url.pathname}`;

/** When every address of a host fails, node gives an error without text around the ones that have it. */
const transportError = (error: unknown): string =>
  error instanceof AggregateError && error.errors.length > 0 ? reportOf(error.errors[0]) : reportOf(error);
