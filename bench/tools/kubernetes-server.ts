/**
 * A Kubernetes API of generated objects, as a process beside the one that is measured: `kubernetes-server.ts PODS [KEY
 * CERT]` prints its port; with the files of a key and its certificate it speaks TLS. Pods have 7 KB, as those of real clusters. `POST /updates?rate=R&seconds=S` makes the open watch of pods send
 * that many events; one in ten moves the pod to another address, the others change what nobody uses. The answer
 * is the name of the last marker, and in the header `changed` how many events changed something.
 */

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { node, pod, service, slice } from '../../test/support/kubernetes-objects.ts';

const PODS_PER_NODE = 50;
const PODS_PER_SERVICE = 20;
/** One event in so many moves its pod. */
const MOVED = 10;
const TICK_MS = 20;
const POD_BYTES = 7000;
/** Fewer than the smallest cluster of the benchmark. */
const UPDATED_PODS = 1000;
const count = Number(process.argv[2]);

const addressOf = (i: number, generation = 0) => `10.${(i >> 16) + 16 * generation}.${(i >> 8) & 255}.${i & 255}`;
const nodeOf = (i: number) => Math.floor(i / PODS_PER_NODE);
const nodeIp = (i: number) => `192.168.${i >> 8}.${i & 255}`;
const identified = (object: { readonly metadata: object }, uid: string) => ({
  ...object,
  metadata: { ...object.metadata, uid, resourceVersion: '5', creationTimestamp: '2026-01-01T00:00:00Z' },
});

/** What fills a pod up to its usual size: the fields that its owner, the scheduler and the kubelet manage. */
const filler = (bytes: number) => {
  const entries: object[] = [];
  while (JSON.stringify(entries).length < bytes) {
    const fields = {
      'f:metadata': { 'f:labels': { '.': {}, 'f:app.kubernetes.io/name': {}, 'f:pod-template-hash': {} } },
    };
    entries.push({
      manager: 'kube-controller-manager',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
    });
  }
  return entries;
};

function podText(i: number, generation: number, hidden: string): string {
  const owner = { kind: 'ReplicaSet', name: `deployment-${Math.floor(i / PODS_PER_SERVICE)}-5d78cf9b7` };
  const made = pod({
    name: `deployment-${Math.floor(i / PODS_PER_SERVICE)}-5d78cf9b7-${i.toString(36)}`,
    namespace: `team-${i % 40}`,
    node: `node-${nodeOf(i)}`,
    ips: [addressOf(i, generation)],
    hostIps: [nodeIp(nodeOf(i))],
    owner,
    labels: { 'pod-template-hash': '5d78cf9b7', 'app.kubernetes.io/name': 'shop', hidden },
    readyAt: '2026-01-01T00:00:05Z',
  });
  const uid = `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
  return JSON.stringify(identified(made, uid)).replace('"metadata":{', `"metadata":{"managedFields":${FILLER},`);
}
const FILLER = JSON.stringify(filler(POD_BYTES - 1100));

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
const kinds: Readonly<Record<string, { readonly total: number; readonly text: (i: number) => string }>> = {
  pods: { total: count, text: (i) => podText(i, 0, 'first') },
  nodes: {
    total: Math.ceil(count / PODS_PER_NODE),
    text: (i) => {
      const labels = { 'topology.kubernetes.io/zone': `zone-${i % 3}`, 'kubernetes.io/hostname': `node-${i}` };
      return JSON.stringify(identified(node({ name: `node-${i}`, ips: [nodeIp(i)], labels }), `node-uid-${i}`));
    },
  },
  services: {
    total: Math.ceil(count / PODS_PER_SERVICE),
    text: (i) => {
      const clusterIps = [`10.200.${i >> 8}.${i & 255}`];
      return JSON.stringify(identified(service({ name: `service-${i}`, clusterIps }), `service-uid-${i}`));
    },
  },
  endpointslices: {
    total: Math.ceil(count / PODS_PER_SERVICE),
    text: (i) => {
      const addresses = range(i * PODS_PER_SERVICE, Math.min(count, (i + 1) * PODS_PER_SERVICE)).map((each) =>
        addressOf(each),
      );
      return JSON.stringify(
        identified(slice({ name: `slice-${i}`, service: `service-${i}`, addresses }), `slice-uid-${i}`),
      );
    },
  },
};

let podWatch: ServerResponse | undefined;

function list(response: ServerResponse, resource: string, query: URLSearchParams): void {
  const { total, text } = kinds[resource]!;
  const from = Number(query.get('continue') ?? 0);
  const to = Math.min(total, from + Number(query.get('limit')));
  const next = to < total ? `,"continue":"${to}"` : '';
  response.setHeader('content-type', 'application/json');
  response.end(
    `{"kind":"List","metadata":{"resourceVersion":"5"${next}},"items":[${range(from, to).map(text).join(',')}]}`,
  );
}

/** Updates of the first pods, made beforehand so that the server does not hold up what it measures. */
function updateLines(): readonly Buffer[] {
  return range(0, UPDATED_PODS * 2).map((sent) => {
    const round = Math.floor(sent / UPDATED_PODS);
    const moved = sent % MOVED === 0 ? 1 + round : 0;
    return Buffer.from(`{"type":"MODIFIED","object":${podText(sent % UPDATED_PODS, moved, `update ${round}`)}}\n`);
  });
}

interface Updates {
  /** Name of the last marker. */
  readonly last: string;
  readonly changed: number;
}

/** A marker's name says when it was sent: who sees it knows how late it is. */
function sendUpdates(rate: number, seconds: number): Promise<Updates> {
  const updates = updateLines();
  const started = performance.now();
  let sent = 0;
  let changed = 0;
  let markers = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const lines: Buffer[] = [];
      const due = Math.min(rate * seconds, Math.floor((rate * (performance.now() - started)) / 1000));
      for (; sent < due; sent++) {
        lines.push(updates[sent % updates.length]!);
        if (sent % MOVED === 0) changed++;
      }
      markers++;
      const name = `sent-${Date.now()}`;
      const marker = identified(pod({ name, ips: ['10.255.255.255'] }), 'marker');
      lines.push(Buffer.from(`{"type":"MODIFIED","object":${JSON.stringify(marker)}}\n`));
      podWatch?.write(Buffer.concat(lines));
      if (sent < rate * seconds) return;
      clearInterval(timer);
      // The first marker is a new pod.
      resolve({ last: name, changed: changed + markers - 1 });
    }, TICK_MS);
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '', 'http://server');
  const resource = url.pathname.split('/').at(-1)!;
  if (request.method === 'POST') {
    const [rate = 0, seconds = 0] = ['rate', 'seconds'].map((name) => Number(url.searchParams.get(name)));
    const { last, changed } = await sendUpdates(rate, seconds);
    response.writeHead(200, { changed }).end(last);
  } else if (kinds[resource] === undefined) {
    response.writeHead(404).end();
  } else if (url.searchParams.has('watch')) {
    response.writeHead(200).flushHeaders();
    if (resource === 'pods') podWatch = response;
  } else list(response, resource, url.searchParams);
}

const [key, cert] = process.argv.slice(3).map((file) => readFileSync(file));
const handle = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
const server =
  key === undefined || cert === undefined ? createServer(handle) : createSecureServer({ key, cert }, handle);
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
