/**
 * Processor time of one table of 100,000 flows between 3,000 endpoints, 2,500 pods and 500 addresses outside:
 * Kubernetes names, range, zone and DNS name of both ends, then the selection and its sums. The first table derives every
 * endpoint, the later ones none. An API server and a name server of the bench on the loopback answer; what the store and
 * the name server are asked is counted.
 */

import type { Processor } from '../core/component/define.ts';
import { decodeBlock } from '../core/config/block.ts';
import { treeOf } from '../core/config/tree.ts';
import { EndpointDimension } from '../core/table/dimension.ts';
import { createFlowTables } from '../core/table/flow-columns.ts';
import type { FlowTable } from '../core/table/flow-table.ts';
import attributeSelect from '../processors/attribute_select/index.ts';
import cidr from '../processors/cidr/index.ts';
import k8sAttributes, { createK8sAttributes } from '../processors/k8s_attributes/index.ts';
import reverseDns from '../processors/reverse_dns/index.ts';
import zone, { createZone, sourcesOf } from '../processors/zone/index.ts';
import { openKubernetesApi } from '../test/support/kubernetes-api.ts';
import { followCluster } from '../test/support/kubernetes-harness.ts';
import { node, pod, service, slice } from '../test/support/kubernetes-objects.ts';
import { startNameServer } from '../test/support/name-server.ts';
import { createRecordingHost } from '../test/support/recording-host.ts';
import { randomNumbers } from './tools/random-numbers.ts';

const FLOWS = 100_000;
const ENDPOINTS = 3000;
const PODS = 2500;
const NODES = 50;
/** Processor time is counted in ticks of some milliseconds, so it is taken over several tables. */
const BATCHES = 15;
const BATCH = 10;

const random = randomNumbers(42);

/** Pods are in 10/8, the others in no private range: they are asked of the name server. */
const octetsOf = (e: number) => (e < PODS ? [10, e % 12, e >> 8, e & 255] : [198, 51, e >> 8, e & 255]);

/** Each workload of 16 pods talks to eight others, and to what is outside. */
function partnerOf(endpoint: number): number {
  if (endpoint >= PODS || random(10) > 0) return ((((endpoint >> 4) * 7 + random(8)) << 4) + random(16)) % PODS;
  return PODS + random(ENDPOINTS - PODS);
}

function flowTables(): () => FlowTable {
  const endpoints = new EndpointDimension();
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
  for (let e = 0; e < ENDPOINTS; e++) endpoints.append(Uint8Array.of(...mapped, ...octetsOf(e)));
  const codes = (limit: number) => Uint32Array.from({ length: FLOWS }, () => random(limit));
  const src = codes(ENDPOINTS);
  /** Requests and answers. */
  const initiator = Uint16Array.from(codes(2), (role) => role + 1);
  const flows = {
    src,
    dst: src.map(partnerOf),
    srcPort: initiator.map((role) => (role === 1 ? 32_768 + random(28_000) : random(4))),
    dstPort: initiator.map((role) => (role === 1 ? random(4) : 32_768 + random(28_000))),
    transport: new Uint8Array(FLOWS).fill(6),
    direction: Uint8Array.from(codes(2)),
    iface: new Uint16Array(FLOWS),
    initiator: Uint8Array.from(initiator),
    guessed: new Uint8Array(FLOWS),
    tunnel: new Uint8Array(FLOWS),
    bytes: Float64Array.from(codes(1 << 20)),
    packets: Float64Array.from(codes(1 << 10)),
  };
  const toFlowTable = createFlowTables();
  const resource = { attributes: {} };
  return () =>
    toFlowTable({
      rows: FLOWS,
      window: { startNs: nowNs() - 5_000_000_000n, endNs: nowNs() },
      resource,
      scope: { name: 'weir', version: '0' },
      metricNames: ['beyla'],
      flows,
      endpoints,
      interfaceNames: new Map(),
      agentAddress: undefined,
      sampling: 1,
    });
}

const nowNs = () => BigInt(Date.now()) * 1_000_000n;

async function startCluster() {
  const api = await openKubernetesApi();
  for (let n = 0; n < NODES; n++) {
    const labels = { 'topology.kubernetes.io/zone': `z${n % 3}`, 'topology.kubernetes.io/region': 'west' };
    api.put(node({ name: `node-${n}`, ips: [`192.168.0.${n + 1}`], labels }));
  }
  for (let e = 0; e < PODS; e++) {
    const on = { node: `node-${e % NODES}`, hostIps: [`192.168.0.${(e % NODES) + 1}`] };
    const owner = { kind: 'StatefulSet', name: `app-${e >> 4}` };
    const [address, namespace] = [octetsOf(e).join('.'), `team-${e % 20}`];
    api.put(pod({ name: `app-${e >> 4}-${e & 15}`, namespace, ips: [address], owner, ...on }));
    if (e % 16 > 0) continue;
    api.put(service({ name: `app-${e >> 4}`, namespace, clusterIps: ['None'], ports: [{ port: e & 3 }] }));
    api.put(slice({ name: `app-${e >> 4}`, namespace, service: `app-${e >> 4}`, addresses: [address], port: e & 3 }));
  }
  const followed = followCluster({ url: api.url });
  await followed.store.health.waitForSync(60_000);
  const asked = { identities: 0, services: 0 };
  const { identityAt, serviceAt } = followed.store;
  const store = Object.assign(Object.create(followed.store) as typeof followed.store, {
    identityAt: (...of: Parameters<typeof identityAt>) => {
      asked.identities++;
      return identityAt(...of);
    },
    serviceAt: (...of: Parameters<typeof serviceAt>) => {
      asked.services++;
      return serviceAt(...of);
    },
  });
  const stores = { request: () => ({ start: async () => store, stop: async () => {}, isAlone: false }) };
  const stop = async () => {
    await followed.stop();
    await api.close();
  };
  return { stores, asked, stop };
}

const server = await startNameServer((address) => ({ names: [`host-${address.replaceAll('.', '-')}.example`] }));
const cluster = await startCluster();
const host = createRecordingHost('bench');
const nowhere = { aws: 'http://127.0.0.1:1', gcp: 'http://127.0.0.1:1', azure: 'http://127.0.0.1:1' };
const around = { stores: cluster.stores, servers: nowhere, addresses: () => [] };
const environment = { NODE_NAME: 'node-0' };
const ranges = Array.from({ length: 12 }, (_, z) => `10.${z}.0.0/16`);
const nodes = Array.from({ length: NODES }, (_, n) => `node-${n}`);
/**
 * What is selected: `zones`, five attributes of places; by default what Kubernetes shows, with zones; with `services` also
 * the Services that were dialled, which are told row by row.
 */
const ofEnds = ['namespace', 'owner.name', 'owner.type'].flatMap((name) => [`k8s.src.${name}`, `k8s.dst.${name}`]);
const places = ['src.zone', 'dst.zone', 'src.cidr', 'dst.cidr', 'direction'];
const shown = ['k8s.cluster.name', ...ofEnds, 'src.zone', 'dst.zone', 'direction'];
const selected: Readonly<Record<string, readonly string[]>> = {
  zones: places,
  kubernetes: shown,
  services: [...shown, 'k8s.*.service.name'],
};
const choice = process.argv[2] ?? 'kubernetes';

function configured<Config>(definition: { readonly config: unknown }, block: object): Config {
  const { config, problems } = decodeBlock<Config>(definition.config as never, treeOf(block, 'bench'));
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return config;
}

const observed = { flow: { cluster_name: 'bench', observer: 'both', observer_nodes: nodes } };
const dns = { servers: [server.address], max_in_flight: 256 };
const selection = { select: { '*': { include: selected[choice] ?? shown } } };
const steps: readonly (readonly [string, Processor])[] = [
  ['k8s_attributes', createK8sAttributes(configured(k8sAttributes, observed), host, { ...around, environment })],
  ['cidr', cidr.create(configured(cidr, { cidrs: ranges }), host)],
  ['zone', createZone(configured(zone, {}), sourcesOf(configured(zone, {}), host, around))],
  ['reverse_dns', reverseDns.create(configured(reverseDns, dns), host)],
  ['attribute_select', attributeSelect.create(configured(attributeSelect, selection), host)],
];
for (const [, processor] of steps) await processor.start?.();

/** Milliseconds of processor time of this thread: wall times say little on a busy machine. */
function cpuMs(work: () => void): number {
  const start = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1000;
}

/** Milliseconds of each step by the clock. */
function run(table: FlowTable): number[] {
  let tables: ReturnType<NonNullable<Processor['flows']>> = [table];
  return steps.map(([, processor]) => {
    const start = performance.now();
    tables = tables.flatMap((one) => (one.kind === 'flows' ? processor.flows!(one) : [one]));
    return performance.now() - start;
  });
}

const nextTable = flowTables();
const first = cpuMs(() => run(nextTable()));
const lookups = () =>
  [...host.text().matchAll(/^otelcol_reverse_dns_lookups_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  );
while (lookups() < ENDPOINTS - PODS) await new Promise((resolve) => setTimeout(resolve, 10));
const named = cpuMs(() => run(nextTable()));
const asked = { names: server.asked.length, ...cluster.asked };
const best = steps.map(() => Infinity);
const batches = Array.from({ length: BATCHES }, () => {
  const tables = Array.from({ length: BATCH }, nextTable);
  const ms = cpuMs(() => {
    for (const table of tables) for (const [at, ms] of run(table).entries()) best[at] = Math.min(best[at]!, ms);
  });
  return ms / BATCH;
}).toSorted((a, b) => a - b);
await new Promise((resolve) => setTimeout(resolve, 200));

const text = (ms: number | undefined) => `${ms?.toFixed(1)} ms`;
const parts = steps.map(([type], at) => `${type} ${best[at]!.toFixed(2)}`).join(', ');
process.stdout.write(
  `${choice}: ${FLOWS.toLocaleString('en')} flows, ${ENDPOINTS.toLocaleString('en')} endpoints: first table ${text(first)}, ` +
    `with every DNS name new ${text(named)}, later least ${text(batches[0])}, median ${text(batches[BATCHES >> 1])} ` +
    `(by the clock, least: ${parts}); ` +
    `asked for the first of DNS ${asked.names}, of the store ${asked.identities} addresses and ${asked.services} Services, ` +
    `for the ${BATCHES * BATCH} later ${server.asked.length - asked.names}, ` +
    `${cluster.asked.identities - asked.identities} and ${cluster.asked.services - asked.services}\n`,
);
for (const [, processor] of steps) await processor.stop?.();
await server.close();
await cluster.stop();
