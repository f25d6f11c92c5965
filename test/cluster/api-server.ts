/**
 * A real Kubernetes API server as a process of the test, in a folder of its own, listening on loopback or in a namespace
 * of the test. No controllers run: what they would make (EndpointSlices, addresses of pods, service accounts) the test
 * makes itself.
 */

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ClusterNetwork } from '../support/cluster-network.ts';
import type { KubernetesObject } from '../support/kubernetes-objects.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { startRelay } from '../support/relay.ts';
import { API_PORT, type ClusterApi } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';

const BUILD = fileURLToPath(new URL('../../scripts/build-apiserver.sh', import.meta.url));
const ADMIN_TOKEN = 'token-of-the-tests';
const START_PATIENCE_MS = 120_000;

/** Groups whose objects tests make; the core group is the rest. */
const PATHS: Readonly<Record<string, string>> = {
  Pod: 'api/v1/namespaces/{namespace}/pods',
  Node: 'api/v1/nodes',
  Service: 'api/v1/namespaces/{namespace}/services',
  Namespace: 'api/v1/namespaces',
  Secret: 'api/v1/namespaces/{namespace}/secrets',
  ServiceAccount: 'api/v1/namespaces/{namespace}/serviceaccounts',
  EndpointSlice: 'apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices',
  ClusterRole: 'apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: 'apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
};

export interface ApiServer {
  readonly url: string;
  readonly port: number;
  readonly adminToken: string;
  /** Its certificate, which signs itself. */
  ca(): string;
  request(method: string, path: string, body?: unknown): Promise<KubernetesObject>;
  /** Creates an object and, where it names one, sets its status. */
  create(object: KubernetesObject): Promise<KubernetesObject>;
  setStatus(object: KubernetesObject, status: unknown): Promise<KubernetesObject>;
  /** At once, without the grace of a pod. */
  delete(object: KubernetesObject): Promise<void>;
  /** As when the machine loses power. */
  kill(): Promise<void>;
  /** On the same folder and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Where it listens; the test itself, which is elsewhere, reaches it by a socket of the file system. */
export interface ApiServerPlace {
  readonly namespace: NetworkNamespace;
  /** One of the namespace's own, and not of its loopback. */
  readonly address: string;
}

export async function startApiServer(place?: ApiServerPlace): Promise<ApiServer> {
  const binary = execFileSync(BUILD, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-apiserver-'));
  const address = place?.address ?? '127.0.0.1';
  const port = place === undefined ? await freePort() : API_PORT;
  const flags = prepare(folder, address, port);
  const door = place === undefined ? { port } : { socketPath: path.join(folder, 'door.sock') };
  if (place !== undefined) await startRelay(place.namespace, door.socketPath!, `${address}:${port}`);
  let server: ChildProcess;

  const ca = () => readFileSync(path.join(folder, 'certificates/apiserver.crt'), 'utf8');
  const request = async (method: string, at: string, body?: unknown) => {
    const { status, text: answer } = await send({ method, at, body, ...door, ca: ca() });
    if (status >= 300) throw new Error(`${method} ${at}: ${status} ${answer}`);
    return JSON.parse(answer) as KubernetesObject;
  };

  async function start(): Promise<void> {
    const log: Buffer[] = [];
    const options = { stdio: ['ignore', 'pipe', 'pipe'] } satisfies SpawnOptions;
    const run = place === undefined ? spawn : place.namespace.spawn;
    server = run(binary, [folder, ...flags], options);
    server.stdout?.on('data', (chunk) => log.push(chunk));
    server.stderr?.on('data', (chunk) => log.push(chunk));
    let ready = false;
    const ask = async () => {
      const { status } = await send({ method: 'GET', at: 'readyz', ...door, ca: ca() });
      ready = status === 200;
    };
    // Until it listens and has a certificate, asking fails.
    const asking = setInterval(() => void ask().catch(() => {}), 200);
    try {
      await until('the API server is ready', () => ready || server.exitCode !== null, START_PATIENCE_MS);
      if (!ready) throw new Error(`the API server ended:\n${Buffer.concat(log)}`);
    } finally {
      clearInterval(asking);
    }
  }

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    url: `https://${address}:${port}`,
    port,
    adminToken: ADMIN_TOKEN,
    ca,
    request,
    async create(object) {
      const made = await request('POST', collectionOf(object), object);
      return object.status === undefined
        ? made
        : request('PATCH', `${pathOf(object)}/status`, { status: object.status });
    },
    setStatus: (object, status) => request('PATCH', `${pathOf(object)}/status`, { status }),
    async delete(object) {
      await request('DELETE', pathOf(object), { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 });
    },
    kill,
    restart: start,
    async stop() {
      await kill();
      rmSync(folder, { recursive: true });
    },
  };
}

/** On the router of a cluster. */
export async function openRealApi({ router, control }: ClusterNetwork): Promise<ApiServer & ClusterApi> {
  const server = await startApiServer({ namespace: router, address: control });
  return {
    ...server,
    token: server.adminToken,
    uid: async () => (await server.request('GET', 'api/v1/namespaces/kube-system')).metadata.uid!,
  };
}

/** Writes keys and tokens into the folder; gives the server's flags. */
function prepare(folder: string, address: string, port: number): readonly string[] {
  const at = (name: string) => path.join(folder, name);
  mkdirSync(at('certificates'));
  execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('accounts.key')]);
  writeFileSync(at('tokens.csv'), `${ADMIN_TOKEN},admin,admin,"system:masters"\n`);
  return [
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    `--cert-dir=${at('certificates')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${at('accounts.key')}`,
    `--service-account-signing-key-file=${at('accounts.key')}`,
    `--token-auth-file=${at('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16,fd00:96::/108',
    '--disable-admission-plugins=ServiceAccount',
    '--endpoint-reconciler-type=none',
    '--enable-priority-and-fairness=false',
  ];
}

function collectionOf({ kind, metadata }: KubernetesObject): string {
  const template = PATHS[kind];
  if (template === undefined) throw new Error(`the tests make no ${kind}`);
  return template.replace('{namespace}', metadata.namespace ?? 'default');
}

const pathOf = (object: KubernetesObject) => `${collectionOf(object)}/${object.metadata.name}`;

interface Sent {
  readonly method: string;
  readonly at: string;
  readonly body?: unknown;
  readonly port?: number;
  readonly socketPath?: string;
  readonly ca: string;
}

function send({ method, at, body, ca, ...door }: Sent): Promise<{ status: number; text: string }> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${ADMIN_TOKEN}`,
    'content-type': type,
    // Node does not say the length of a DELETE's body by itself.
    'content-length': Buffer.byteLength(text),
  };
  return new Promise((resolve, reject) => {
    // The certificate names it so, however it is reached.
    const to = { host: '127.0.0.1', servername: 'kubernetes', ...door };
    const request = https.request({ ...to, path: `/${at}`, method, headers, ca }, (response) => {
      textOf(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), reject);
    });
    request.on('error', reject);
    request.end(text);
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
