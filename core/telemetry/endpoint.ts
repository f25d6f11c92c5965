/** Serves the self-metrics over HTTP, by default at http://localhost:8888/metrics. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WeirError } from '../errors.ts';
import type { Logger } from './log.ts';
import { type PrometheusRegistry, prometheusContentType } from './registry.ts';

export interface MetricsEndpointOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: PrometheusRegistry;
  readonly logger: Logger;
}

export interface MetricsEndpoint {
  /** The port that is listened on: the one asked for, or the free one found when 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

const configPath = 'service::telemetry::metrics';

export async function openMetricsEndpoint(options: MetricsEndpointOptions): Promise<MetricsEndpoint> {
  const { host, port, registry, logger } = options;
  const server = createServer((request, response) => answer(request, response, registry));
  // A scraper that keeps its connection open must not keep a stopped agent alive.
  server.unref();
  await listen(server, host, port);
  server.on('error', (error) => logger.warn('self-metrics endpoint failed to accept a connection', { error }));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port));
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): WeirError {
  const busy = cause.code === 'EADDRINUSE';
  const reason = busy ? 'the address is already in use' : cause.message;
  return new WeirError('component/start', `cannot serve self-metrics at ${host}:${port}: ${reason}`, {
    path: configPath,
    fix: busy
      ? `stop the program that listens there, or set ${configPath}::level to none`
      : `set ${configPath}::level to none, or give an address of this host`,
    cause,
  });
}

function answer(request: IncomingMessage, response: ServerResponse, registry: PrometheusRegistry): void {
  const path = request.url?.split('?', 1)[0];
  if (path !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('See /metrics\n');
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else {
    response.writeHead(200, { 'content-type': prometheusContentType }).end(registry.text());
  }
}
