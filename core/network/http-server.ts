/** The HTTP server of a component: begins to listen, with TLS where its block has a certificate, and ends. */

import http from 'node:http';
import https from 'node:https';
import type { Host } from '../component/define.ts';
import { loadServerTls, type ServerTlsConfig } from '../otlp/server-tls.ts';
import { closeServer, type ListenAddress, listen } from './listen.ts';

export interface HttpServerParts {
  readonly host: Host;
  readonly address: ListenAddress;
  readonly tls: ServerTlsConfig;
  /** What is served, as it stands behind `cannot serve`. */
  readonly what: string;
  /** The key with the address. */
  readonly path: string;
  /** An address that every host has. */
  readonly example: string;
  /** What it throws costs this request alone. */
  answer(request: http.IncomingMessage, response: http.ServerResponse): void;
  /** Sets limits before it listens. */
  limit?(server: http.Server): void;
}

export interface HttpServer {
  /** Gives the port that is listened on. */
  start(): Promise<number>;
  /** Ends with the connections that it still has. Safe before start and when called twice. */
  stop(): Promise<void>;
}

export function createHttpServer(parts: HttpServerParts): HttpServer {
  const { host, address, tls, what, path, example } = parts;
  let server: http.Server | undefined;
  const stopped = new AbortController();
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    try {
      parts.answer(request, response);
    } catch (error) {
      // A defect: this request has no answer, and the agent goes on.
      host.logger.error(`A request for ${what} failed.`, { error });
      response.destroy();
    }
  };
  return {
    async start() {
      let secured: https.Server | undefined;
      const options = await loadServerTls(tls, {
        host,
        stopped: stopped.signal,
        renewed: (renewed) => secured?.setSecureContext(renewed),
      });
      if (options !== undefined) secured = https.createServer(options);
      server = secured ?? http.createServer();
      server.on('request', answer);
      parts.limit?.(server);
      const otherwise = { busy: 'give another port', refused: `give an address of this host, such as ${example}` };
      const port = await listen(server, { ...address, what, path, otherwise });
      server.on('error', (error) => host.logger.warn(`Failed to accept a connection for ${what}.`, { error }));
      return port;
    },
    async stop() {
      stopped.abort();
      if (server !== undefined) await closeServer(server);
    },
  };
}
