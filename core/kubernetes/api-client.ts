/**
 * GET requests to the Kubernetes API over node:https: logs in, keeps connections, ends a request that stays silent, and
 * turns every way to fail into a RequestFailure. It does not try again; core/kubernetes/follow.ts does.
 */

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { WeirError } from '../errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Access, Credentials } from './access.ts';
import { failureOf, failureOfStatus, RequestFailure } from './failure.ts';
import { number, object, readJson, text } from './json-scan.ts';

/** TCP asks this often whether the server is still there, for a watch may be silent for minutes. */
const KEEP_ALIVE_MS = 30_000;

/** Of the body of an error. */
const MAX_ERROR_BYTES = 65_536;

export interface GetOptions {
  readonly signal: AbortSignal;
  /** The request fails as `silent` when nothing at all comes for this long, headers included. */
  readonly silenceMs: number;
  /** The server took the request: its answer is a 200, whose body follows. */
  readonly onOpen: () => void;
  /** Takes each piece of the body as it comes; what it throws ends the request. */
  readonly onData: (chunk: Buffer) => void;
}

export interface ApiClient {
  /** Resolves when the body of a 200 has ended; throws a RequestFailure otherwise, also when the signal aborts. */
  get(path: string, options: GetOptions): Promise<void>;
  close(): void;
}

export function createApiClient(credentials: Credentials, clock: Clock, userAgent: string): ApiClient {
  const secure = credentials.server.startsWith('https:');
  const base = new URL(credentials.server);
  const prefix = base.pathname.replace(/\/+$/, '');
  let agent: http.Agent | undefined;
  let agentTls: Access['tls'] | undefined;

  /** Certificates are renewed while the agent runs: then new connections take the new ones. */
  function agentFor(tls: Access['tls']): http.Agent {
    if (agent === undefined || !isDeepStrictEqual(tls, agentTls)) {
      agentTls = tls;
      const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS };
      agent = secure ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
    }
    return agent;
  }

  async function open(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { headers, tls } = await loggedIn(credentials);
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).get({
        host: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        path: `${prefix}${path}`,
        agent: agentFor(tls),
        headers: { ...headers, accept: 'application/json', 'user-agent': userAgent },
        signal,
      });
      request.setSocketKeepAlive(true, KEEP_ALIVE_MS);
      request.on('response', resolve);
      request.on('error', reject);
    });
  }

  return {
    async get(path, { signal, silenceMs, onOpen, onData }) {
      const ended = new AbortController();
      const silence = watchSilence(clock, silenceMs, () =>
        ended.abort(new RequestFailure('silent', `the server said nothing for ${silenceMs / 1000} s`)),
      );
      const either = AbortSignal.any([signal, ended.signal]);
      try {
        const response = await open(path, either);
        silence.heard();
        if (response.statusCode !== 200) throw await failureOfResponse(response);
        onOpen();
        for await (const chunk of response) {
          silence.heard();
          onData(chunk as Buffer);
        }
      } catch (error) {
        const failure = failureOf(either.aborted ? either.reason : error);
        if (failure.reason === 'unauthorized') credentials.refuse();
        throw failure;
      } finally {
        silence.stop();
      }
    },
    close() {
      agent?.destroy();
      agent = undefined;
    },
  };
}

async function loggedIn(credentials: Credentials): Promise<Access> {
  try {
    return await credentials.access();
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    throw new RequestFailure('credentials', error.report(), { cause: error });
  }
}

const status = object({ message: text, code: number });

/** The server's own words where it gave a Status object, else the first of whatever it said. */
async function failureOfResponse(response: IncomingMessage): Promise<RequestFailure> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_ERROR_BYTES) break;
  }
  const body = Buffer.concat(chunks);
  const message = body[0] === 0x7b ? readJson(body, status)?.message : undefined;
  const words = message ?? body.toString('utf8', 0, 200).split('\n', 1)[0]!;
  const retryAfterSeconds = Number(response.headers['retry-after']);
  return failureOfStatus(response.statusCode ?? 0, words, (retryAfterSeconds || 0) * 1000);
}

/** Calls back once when `heard` was not called for this long. */
function watchSilence(clock: Clock, limitMs: number, onSilence: () => void): { heard(): void; stop(): void } {
  const stopped = new AbortController();
  let heardMs = clock.monotonicMs();
  async function watch(): Promise<void> {
    while (!stopped.signal.aborted) {
      const leftMs = heardMs + limitMs - clock.monotonicMs();
      if (leftMs <= 0) {
        onSilence();
        return;
      }
      await clock.sleep(leftMs, stopped.signal);
    }
  }
  void watch();
  return {
    heard() {
      heardMs = clock.monotonicMs();
    },
    stop: () => stopped.abort(),
  };
}
