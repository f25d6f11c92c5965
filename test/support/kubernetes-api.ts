/**
 * A small server that speaks list and watch of the Kubernetes API from objects that a test puts into it, and fails in
 * every way a test asks for. Versions, pages, bookmarks, 410 and RBAC behave as those of a real server.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Certificate } from './certificate.ts';
import type { KubernetesObject } from './kubernetes-objects.ts';

export interface ReceivedRequest {
  readonly resource: string;
  readonly verb: 'list' | 'watch';
  readonly query: URLSearchParams;
  readonly token: string | undefined;
  readonly path: string;
}

/** Answers one request in place of the server; false: the server shall answer. */
export type Fault = (response: ServerResponse, request: ReceivedRequest) => unknown;

export interface KubernetesApi {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  /** Watches that are open now. */
  readonly watches: number;
  /** Creates or replaces; gives the object as the server has it. */
  put(object: KubernetesObject): KubernetesObject;
  delete(object: KubernetesObject): void;
  /** What the server knew before now can no longer be asked for. */
  compact(): void;
  bookmark(): void;
  /** Writes a line into every open watch of a resource as it is. */
  say(resource: string, line: string): void;
  /** The next request of this kind gets this answer; several are taken one after another. */
  fail(resource: string, verb: 'list' | 'watch', ...faults: readonly Fault[]): void;
  /** Ends every watch: as the server does when its time is over, or by a reset. */
  endWatches(how: 'ended' | 'reset'): void;
  /** Only these are let in; undefined: everyone. */
  tokens: ReadonlySet<string> | undefined;
  /** Resources that nobody may read. */
  readonly forbidden: Set<string>;
  close(): Promise<void>;
}

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly object: KubernetesObject;
}

interface Watch {
  readonly resource: string;
  readonly response: ServerResponse;
}

const RESOURCES: Readonly<Record<string, string>> = {
  Pod: 'pods',
  Node: 'nodes',
  Service: 'services',
  EndpointSlice: 'endpointslices',
  Namespace: 'namespaces',
};
const PATH = /^\/(?:api\/v1|apis\/discovery\.k8s\.io\/v1)\/(?:namespaces\/[^/]+\/)?(\w+)$/;
const keyOf = ({ metadata }: KubernetesObject) => `${metadata.namespace ?? ''}/${metadata.name}`;

export function statusBody(code: number, message: string, reason = ''): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code });
}

export const failWith =
  (code: number, message = 'as the test wants it', headers: Readonly<Record<string, string>> = {}): Fault =>
  (response) =>
    void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(statusBody(code, message));

/** The connection ends in the middle of the answer. */
export const reset: Fault = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{"metadata":', () =>
    breakOff(response),
  );
};

/** By a reset, where the socket has one. */
function breakOff({ socket }: ServerResponse): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket?.resetAndDestroy();
}

/** No fault: for the requests before one. */
export const pass: Fault = () => false;

/** Nothing comes, not even headers. */
export const silence: Fault = () => {};

/** Listens on loopback, or at a socket of the file system; TLS with a certificate. */
export async function openKubernetesApi(certificate?: Certificate, socketPath?: string): Promise<KubernetesApi> {
  const objects = new Map<string, Map<string, KubernetesObject>>(
    Object.values(RESOURCES).map((name) => [name, new Map()]),
  );
  const history: Change[] = [];
  const requests: ReceivedRequest[] = [];
  const watches = new Set<Watch>();
  const faults = new Map<string, Fault[]>();
  const forbidden = new Set<string>();
  let version = 1;
  let oldest = 0;
  let created = 0;

  function commit(type: Change['type'], given: KubernetesObject): KubernetesObject {
    const resource = RESOURCES[given.kind]!;
    const known = objects.get(resource)!.get(keyOf(given));
    const object = {
      ...given,
      metadata: {
        uid: known?.metadata.uid ?? `uid-${++created}`,
        creationTimestamp: known?.metadata.creationTimestamp ?? '2026-01-01T00:00:00Z',
        ...given.metadata,
        resourceVersion: String(++version),
      },
    };
    if (type === 'DELETED') objects.get(resource)!.delete(keyOf(object));
    else objects.get(resource)!.set(keyOf(object), object);
    const change = { version, type, resource, object };
    history.push(change);
    for (const watch of watches) if (watch.resource === resource) send(watch, change);
    return object;
  }

  const send = ({ response }: Watch, { type, object }: Change) =>
    void response.write(`${JSON.stringify({ type, object })}\n`);

  /** Of namespaces alone: of no other object anybody asks for one. */
  function one(response: ServerResponse, name: string): void {
    const found = objects.get('namespaces')!.get(`/${name}`);
    if (found === undefined) failWith(404, `namespaces "${name}" not found`)(response, {} as ReceivedRequest);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
  }

  function list(response: ServerResponse, { resource, query }: ReceivedRequest): void {
    const [at = '', after = ''] = (query.get('continue') ?? `${version} `).split(' ');
    if (Number(at) < oldest) {
      failWith(410, 'The provided continue parameter is too old')(response, {} as ReceivedRequest);
      return;
    }
    const all = [...objects.get(resource)!].sort(([a], [b]) => (a < b ? -1 : 1)).filter(([key]) => key > after);
    const page = all.slice(0, Number(query.get('limit') ?? all.length));
    const last = page.length < all.length ? `${at} ${page.at(-1)![0]}` : undefined;
    const body = {
      kind: 'List',
      apiVersion: 'v1',
      metadata: { resourceVersion: at, ...(last === undefined ? {} : { continue: last }) },
      items: page.map(([, object]) => object),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  }

  function watch(response: ServerResponse, { resource, query }: ReceivedRequest): void {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const from = Number(query.get('resourceVersion'));
    if (from < oldest) {
      const object = JSON.parse(statusBody(410, `too old resource version: ${from} (${oldest})`, 'Expired'));
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    const opened = { resource, response };
    for (const change of history) if (change.version > from && change.resource === resource) send(opened, change);
    watches.add(opened);
    response.on('close', () => watches.delete(opened));
  }

  function answer(message: IncomingMessage, response: ServerResponse): void {
    const url = new URL(message.url ?? '', 'http://server');
    const resource = PATH.exec(url.pathname)?.[1] ?? '';
    const verb = url.searchParams.has('watch') ? 'watch' : 'list';
    const token = message.headers.authorization?.replace('Bearer ', '');
    const request = { resource, verb, query: url.searchParams, token, path: url.pathname } as const;
    requests.push(request);
    const fault = faults.get(`${verb} ${resource}`)?.shift();
    if (fault !== undefined && fault(response, request) !== false) return;
    if (api.tokens !== undefined && !api.tokens.has(token ?? '')) failWith(401, 'Unauthorized')(response, request);
    else if (forbidden.has(resource)) {
      const who = 'User "system:serviceaccount:monitoring:weir"';
      failWith(403, `${resource} is forbidden: ${who} cannot ${verb} resource "${resource}"`)(response, request);
    } else if (verb === 'watch') watch(response, request);
    else if (!objects.has(resource)) one(response, request.path.split('/').at(-1)!);
    else list(response, request);
  }

  const server = certificate === undefined ? createServer(answer) : createSecureServer(certificate, answer);
  server.listen(socketPath === undefined ? { port: 0, host: '127.0.0.1' } : { path: socketPath });
  await once(server, 'listening');
  const port = socketPath === undefined ? (server.address() as AddressInfo).port : 0;

  const api: KubernetesApi = {
    url: `http${certificate === undefined ? '' : 's'}://127.0.0.1:${port}`,
    port,
    requests,
    get watches() {
      return watches.size;
    },
    put(object) {
      const known = objects.get(RESOURCES[object.kind]!)?.has(keyOf(object));
      return commit(known ? 'MODIFIED' : 'ADDED', object);
    },
    delete: (object) => void commit('DELETED', object),
    compact() {
      oldest = ++version;
      history.length = 0;
    },
    bookmark() {
      const object = { metadata: { resourceVersion: String(version), creationTimestamp: null } };
      for (const { response } of watches) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    },
    say(resource, line) {
      for (const each of watches) if (each.resource === resource) each.response.write(line);
    },
    fail(resource, verb, ...wanted) {
      const key = `${verb} ${resource}`;
      faults.set(key, [...(faults.get(key) ?? []), ...wanted]);
    },
    endWatches(how) {
      const ended = [...watches];
      watches.clear();
      for (const { response } of ended) {
        if (how === 'ended') response.end();
        else breakOff(response);
      }
    },
    tokens: undefined,
    forbidden,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return api;
}
