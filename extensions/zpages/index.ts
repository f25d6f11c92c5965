/** Shows over HTTP what runs in this process: pages for people, as the collector's zPages. */

import type http from 'node:http';
import {
  type ConfigProblem,
  defineExtension,
  type Extension,
  type Host,
  type ServiceView,
} from '../../core/component/define.ts';
import { boolean, headers, text } from '../../core/config/formats.ts';
import type { ConfigSchema } from '../../core/config/schema.ts';
import { createHttpServer } from '../../core/network/http-server.ts';
import { endpointProblems, type ListenAddress, parseListenAddress } from '../../core/network/listen.ts';
import { headerProblems } from '../../core/otlp/client-schema.ts';
import { type ServerTlsConfig, serverTlsProblems, serverTlsSchema } from '../../core/otlp/server-tls.ts';
import { runtimeFigures } from './expvarz.ts';
import { type Html, page } from './html.ts';
import {
  extensionsContent,
  featuresContent,
  pipelinesContent,
  type State,
  type Subject,
  serviceContent,
} from './pages.ts';
import { tracesContent } from './tracez.ts';

export interface ZpagesConfig {
  readonly endpoint: string;
  readonly expvar: { readonly enabled: boolean };
  readonly response_headers: Readonly<Record<string, string>>;
  readonly tls: ServerTlsConfig;
}

const DEFAULT_ENDPOINT = 'localhost:55679';

const schema: ConfigSchema<ZpagesConfig> = {
  endpoint: { format: text, default: DEFAULT_ENDPOINT, doc: 'Address and port to serve the pages at.' },
  expvar: {
    enabled: { format: boolean, default: false, doc: 'Serve figures of the runtime as JSON at `/debug/expvarz`.' },
  },
  response_headers: { format: headers, default: {}, doc: 'Headers of every answer; values are secret.' },
  tls: serverTlsSchema('browsers'),
};

export default defineExtension<ZpagesConfig>({
  type: 'zpages',
  stability: 'alpha',
  description: 'Shows what runs, and how long its operations take.',
  config: schema,
  validate: problemsOf,
  create,
});

function problemsOf({ endpoint, response_headers, tls }: ZpagesConfig): readonly ConfigProblem[] {
  const required = { message: '"endpoint" is required when using the "zpages" extension' };
  return [
    ...endpointProblems(endpoint, DEFAULT_ENDPOINT).map((one) => (endpoint === '' ? { ...one, ...required } : one)),
    ...headerProblems(response_headers, 'response_headers'),
    ...serverTlsProblems(tls),
  ];
}

interface Page {
  readonly path: string;
  readonly name: string;
  readonly title: string;
  content(subject: Subject, query: URLSearchParams): Html;
}

function pagesOf({ command }: Host['build']): readonly Page[] {
  return [
    { path: '/debug/servicez', name: 'Service', title: `Service ${command}`, content: serviceContent },
    { path: '/debug/pipelinez', name: 'Pipelines', title: 'Pipelines', content: pipelinesContent },
    { path: '/debug/extensionz', name: 'Extensions', title: 'Extensions', content: extensionsContent },
    { path: '/debug/featurez', name: 'Features', title: 'Feature Gates', content: featuresContent },
    { path: '/debug/tracez', name: 'Traces', title: 'Operations', content: tracesContent },
  ];
}

const EXPVAR_PATH = '/debug/expvarz';

/** Whatever is in a page, a browser fetches nothing for it and runs nothing of it. */
const fixedHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  'x-content-type-options': 'nosniff',
};

function create(config: ZpagesConfig, host: Host, service: ServiceView): Extension {
  let state: State = 'starting';
  const subject: Subject = { build: host.build, service, startedNs: host.clock.nowNs(), state: () => state };
  const server = createHttpServer({
    host,
    // validate() has said no to what cannot be read.
    address: parseListenAddress(config.endpoint) as ListenAddress,
    tls: config.tls,
    what: 'zPages',
    path: `extensions::${host.id}::endpoint`,
    example: DEFAULT_ENDPOINT,
    answer: createAnswer(config, subject),
  });
  return {
    async start() {
      const port = await server.start();
      host.logger.info('Serving zPages.', { endpoint: config.endpoint, port });
    },
    ready() {
      state = 'ready';
    },
    notReady() {
      state = 'stopping';
    },
    stop: server.stop,
  };
}

function createAnswer(config: ZpagesConfig, subject: Subject) {
  const pages = pagesOf(subject.build);
  const { enabled } = config.expvar;
  const navigation = [
    ...pages.map(({ path, name }) => [path, name] as const),
    ...(enabled ? [[EXPVAR_PATH, 'Runtime'] as const] : []),
  ];
  const known = navigation.map(([path]) => `${path}\n`).join('');

  return (request: http.IncomingMessage, response: http.ServerResponse) => {
    const send = (status: number, type: string, body: string, headers: http.OutgoingHttpHeaders = {}) => {
      const contentType = { 'content-type': `${type}; charset=utf-8` };
      response.writeHead(status, { ...fixedHeaders, ...config.response_headers, ...contentType, ...headers }).end(body);
    };
    const [path, query = ''] = (request.url ?? '').split('?', 2);
    const asked = pages.find((one) => one.path === path);
    if (asked === undefined && !(enabled && path === EXPVAR_PATH)) {
      send(404, 'text/plain', `There are:\n${known}`);
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(405, 'text/plain', 'GET or HEAD\n', { allow: 'GET, HEAD' });
    } else if (asked === undefined) {
      send(200, 'application/json', JSON.stringify(runtimeFigures()));
    } else {
      const content = asked.content(subject, new URLSearchParams(query));
      send(200, 'text/html', page(asked.title, navigation, content));
    }
  };
}
