/**
 * What a cluster costs the whole agent: started as a pod is, with k8s_attributes, against a server of generated pods in
 * another process, over TLS; then 10,000 pod updates a second. The row of no pods is the same agent without the processor.
 *
 *   [BENCH_PODS=0,100000] npm run bench -- kubernetes-agent
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startAgent } from '../test/e2e/agent.ts';
import { scrapeText } from '../test/e2e/ledger-figures.ts';
import { createCertificate } from '../test/support/certificate.ts';
import { createNetworkNamespace, joinByVeth, type NetworkNamespace } from '../test/support/network-namespace.ts';
import { type Account, openAccount } from '../test/support/test-cluster.ts';
import { cpuSecondsOf, memoryMbOf } from './tools/process-figures.ts';

const SIZES = (process.env.BENCH_PODS ?? '0,1000,10000,50000,100000').split(',').map(Number);
const UPDATES_PER_SECOND = 10_000;
const UPDATE_SECONDS = 10;
const SETTLE_MS = 10_000;
const SERVER = fileURLToPath(new URL('tools/kubernetes-server.ts', import.meta.url));

const config = (processors: readonly string[]) => `
receivers: {ebpf_network: {interfaces: [eth0]}}
processors: {k8s_attributes: {wait_for_metadata_timeout: 5m}, attribute_select: {}}
exporters: {file: {path: /dev/null}}
service: {pipelines: {metrics: {receivers: [ebpf_network], processors: [${processors}], exporters: [file]}}}
`;

interface Server {
  readonly port: string;
  readonly account: Account;
  stop(): void;
}

async function startServer(namespace: NetworkNamespace, pods: number): Promise<Server> {
  const { key, cert } = createCertificate('IP:127.0.0.1');
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-bench-'));
  const files = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') };
  writeFileSync(files.key, key);
  writeFileSync(files.cert, cert);
  const account = openAccount(cert, 'token');
  const child = startNode(namespace, [SERVER, String(pods), files.key, files.cert]);
  const [port] = await once(child.stdout!, 'data');
  return {
    port: String(port).trim(),
    account,
    stop() {
      child.kill();
      account.remove();
      rmSync(folder, { recursive: true });
    },
  };
}

function startNode(namespace: NetworkNamespace, given: readonly string[], environment = {}): ChildProcess {
  const env = { ...process.env, ...environment };
  return namespace.spawn(process.execPath, given, { stdio: ['ignore', 'pipe', 'inherit'], env });
}

/** Milliseconds from the last update sent to when all are known, and the cores that took while they were sent. */
async function measureUpdates(namespace: NetworkNamespace, { port, account }: Server, pid: number) {
  const cpu = cpuSecondsOf(pid);
  const url = `https://127.0.0.1:${port}/updates?rate=${UPDATES_PER_SECOND}&seconds=${UPDATE_SECONDS}`;
  const script = `const answer = await fetch('${url}', { method: 'POST' });
    process.stdout.write((await answer.text()).replace('sent-', '') + ' ' + answer.headers.get('changed'));`;
  const trust = { NODE_EXTRA_CA_CERTS: path.join(account.folder, 'ca.crt') };
  const sending = startNode(namespace, ['--input-type=module', '--eval', script], trust);
  const said = await text(sending.stdout!);
  const [, sentMs, changed] = /^(\d+) (\d+)$/.exec(said) ?? [];
  if (sentMs === undefined) throw new Error(`the updates were not sent: ${said}`);
  const updated = async () =>
    Number(/^otelcol_otelsvc_k8s_pod_updated\S* (\d+)$/m.exec(await scrapeText(namespace))?.[1] ?? 0);
  while ((await updated()) < Number(changed));
  return { cores: (cpuSecondsOf(pid) - cpu) / UPDATE_SECONDS, lateMs: Date.now() - Number(sentMs) };
}

async function measure(pods: number): Promise<string> {
  const [{ namespace }, other] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const server = await startServer(namespace, Math.max(pods, 1));
  const environment = {
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: server.port,
    NODE_NAME: 'node-0',
  };
  const startMs = performance.now();
  const processors = [...(pods === 0 ? [] : ['k8s_attributes']), 'attribute_select'];
  const serviceAccountFolder = server.account.folder;
  const agent = await startAgent(namespace, config(processors), { environment, serviceAccountFolder });
  const listed = { cpu: cpuSecondsOf(agent.pid), wall: (performance.now() - startMs) / 1000 };
  const peak = memoryMbOf(agent.pid, 'VmHWM');
  await delay(SETTLE_MS);
  const settled = memoryMbOf(agent.pid, 'VmRSS');
  const updates = pods === 0 ? { cores: 0, lateMs: 0 } : await measureUpdates(namespace, server, agent.pid);
  const after = memoryMbOf(agent.pid, 'VmHWM');
  await agent.stop();
  server.stop();
  for (const host of [namespace, other.namespace]) host.remove();
  const figures = [listed.cpu.toFixed(2), listed.wall.toFixed(1), peak.toFixed(0), settled.toFixed(0)];
  return [String(pods), ...figures, updates.cores.toFixed(2), updates.lateMs.toFixed(0), after.toFixed(0)].join('  ');
}

console.log(
  'pods  CPU s until ready  wall s  peak MB  settled MB  updates: cores, ms behind at the end, peak MB after',
);
for (const pods of SIZES) console.log(await measure(pods));
