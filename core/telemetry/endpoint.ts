/** Serves the self-metrics over HTTP, by default at http://localhost:8888/metrics. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { closeServer, listen } from '../network/listen.ts';
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
  const listening = await listen(server, {
    host,
    port,
    what: 'self-metrics',
    path: configPath,
    otherwise: {
      busy: `set ${configPath}::level to none`,
      refused: `set ${configPath}::level to none, or give an address of this host`,
    },
  });
  server.on('error', (error) => logger.warn('self-metrics endpoint failed to accept a connection', { error }));
  return {
    port: listening,
    close: () => closeServer(server),
  };
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
