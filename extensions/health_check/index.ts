/** Says over HTTP whether the agent is ready, for the probes of Kubernetes and load balancers. */

import type http from 'node:http';
import { type ConfigProblem, defineExtension, type Extension, type Host } from '../../core/component/define.ts';
import { text } from '../../core/config/formats.ts';
import type { ConfigSchema } from '../../core/config/schema.ts';
import { createHttpServer } from '../../core/network/http-server.ts';
import { endpointProblems, type ListenAddress, parseListenAddress } from '../../core/network/listen.ts';
import { type ServerTlsConfig, serverTlsProblems, serverTlsSchema } from '../../core/otlp/server-tls.ts';
import { bodyOf } from './body.ts';

export interface HealthCheckConfig {
  readonly endpoint: string;
  readonly path: string;
  readonly response_body: { readonly healthy: string; readonly unhealthy: string };
  readonly tls: ServerTlsConfig;
}

const DEFAULT_ENDPOINT = 'localhost:13133';

const schema: ConfigSchema<HealthCheckConfig> = {
  endpoint: { format: text, default: DEFAULT_ENDPOINT, doc: 'Address and port to answer at.' },
  path: { format: text, default: '/', doc: 'Path that is answered; any other is 404.' },
  response_body: {
    healthy: { format: text, default: '', doc: 'Body while the agent is ready; empty: JSON that says since when.' },
    unhealthy: { format: text, default: '', doc: 'Body before and after; empty: JSON.' },
  },
  tls: serverTlsSchema('probes'),
};

export default defineExtension<HealthCheckConfig>({
  type: 'health_check',
  stability: 'alpha',
  description: 'Answers whether the agent is ready.',
  config: schema,
  validate: problemsOf,
  create,
});

function problemsOf({ endpoint, path, tls }: HealthCheckConfig): readonly ConfigProblem[] {
  return [
    ...endpointProblems(endpoint, DEFAULT_ENDPOINT),
    ...(path.startsWith('/')
      ? []
      : [{ path: ['path'], message: 'bad config: path must start with /', fix: 'such as /health' }]),
    ...serverTlsProblems(tls),
  ];
}

function create(config: HealthCheckConfig, host: Host): Extension {
  let readySinceNs: bigint | undefined;
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.url?.split('?', 1)[0] !== config.path) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end(`See ${config.path}\n`);
      return;
    }
    const own = readySinceNs === undefined ? config.response_body.unhealthy : config.response_body.healthy;
    const contentType = own === '' ? 'application/json' : 'text/plain; charset=utf-8';
    response.writeHead(readySinceNs === undefined ? 503 : 200, { 'content-type': contentType });
    response.end(own === '' ? bodyOf(readySinceNs, host.clock.nowNs()) : own);
  };
  const become = (status: 'ready' | 'unavailable') => {
    readySinceNs = status === 'ready' ? host.clock.nowNs() : undefined;
    host.logger.info('Health Check state change', { status });
  };
  const server = createHttpServer({
    host,
    // validate() has said no to what cannot be read.
    address: parseListenAddress(config.endpoint) as ListenAddress,
    tls: config.tls,
    what: 'the health check',
    path: `extensions::${host.id}::endpoint`,
    example: DEFAULT_ENDPOINT,
    answer,
  });
  return {
    async start() {
      const port = await server.start();
      host.logger.info('Serving the health check.', { endpoint: config.endpoint, port });
    },
    ready: () => become('ready'),
    notReady: () => become('unavailable'),
    stop: server.stop,
  };
}
