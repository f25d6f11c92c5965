/**
 * What following a cluster costs: the store lists and watches generated pods of 7 KB from a server in another process,
 * each size in a process of its own. Beside it, the same list read by JSON.parse and nothing kept.
 */

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { keepYoungGenerationSmall } from '../cli/young-generation.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { followCluster } from '../test/support/kubernetes-harness.ts';

const SIZES = [1000, 10_000, 50_000, 100_000];
const UPDATES_PER_SECOND = 10_000;
const UPDATE_SECONDS = 10;
const MEGABYTE = 1024 * 1024;
keepYoungGenerationSmall(); // as the agent does
const SERVER = fileURLToPath(new URL('tools/kubernetes-server.ts', import.meta.url));
const MARKER_ADDRESS = '10.255.255.255';

interface Result {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly peakMegabytes: number;
  readonly settledMegabytes: number;
  readonly heapMegabytes: number;
  /** Of updates; 0 where none were sent. */
  readonly updateCpuSeconds: number;
  readonly latestMs: number;
}

const cpuSeconds = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

/** A figure of memory after what is no longer used has gone back. */
async function settled(): Promise<{ rss: number; heapUsed: number }> {
  for (let i = 0; i < 5; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await systemClock.sleep(200);
  }
  return process.memoryUsage();
}

async function measureStore(url: string, withUpdates: boolean): Promise<Result> {
  const [cpu, wallMs] = [process.cpuUsage(), performance.now()];
  const { store, stop } = followCluster({ url });
  const result = await store.health.waitForSync(300_000);
  if (result !== 'synced') throw new Error(`the store is not complete: ${result}`);
  const listed = { cpuSeconds: cpuSeconds(cpu), wallSeconds: (performance.now() - wallMs) / 1000 };
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  const { rss, heapUsed } = await settled();
  const memory = { peakMegabytes, settledMegabytes: rss / MEGABYTE, heapMegabytes: heapUsed / MEGABYTE };
  const updates = withUpdates ? await measureUpdates(url, store) : { updateCpuSeconds: 0, latestMs: 0 };
  await stop();
  return { ...listed, ...memory, ...updates };
}

/** How late the store knows what the server sent, at worst. */
async function measureUpdates(url: string, store: ReturnType<typeof followCluster>['store']) {
  const cpu = process.cpuUsage();
  let running = true;
  let latestMs = 0;
  let seen = '';
  const changes = store.openChanges();
  const look = () => {
    changes.take();
    const name = store.identityAt(MARKER_ADDRESS, Date.now())?.name ?? '';
    if (name !== seen) latestMs = Math.max(latestMs, Date.now() - Number(name.replace('sent-', '')));
    seen = name;
    if (running) setTimeout(look, 5);
  };
  look();
  const answer = await fetch(`${url}/updates?rate=${UPDATES_PER_SECOND}&seconds=${UPDATE_SECONDS}`, { method: 'POST' });
  const last = await answer.text();
  while (seen !== last) await systemClock.sleep(5);
  running = false;
  return { updateCpuSeconds: cpuSeconds(cpu) / UPDATE_SECONDS, latestMs };
}

async function measureParse(url: string): Promise<Result> {
  const [cpu, wallMs] = [process.cpuUsage(), performance.now()];
  let token = '';
  do {
    const response = await fetch(`${url}/api/v1/pods?limit=100&continue=${token}`);
    const page = JSON.parse(await response.text()) as { readonly metadata: { readonly continue?: string } };
    token = page.metadata.continue ?? '';
  } while (token !== '');
  const wallSeconds = (performance.now() - wallMs) / 1000;
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  return {
    ...{ cpuSeconds: cpuSeconds(cpu), wallSeconds, peakMegabytes },
    ...{ settledMegabytes: 0, heapMegabytes: 0, updateCpuSeconds: 0, latestMs: 0 },
  };
}

async function startServer(pods: number): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(process.execPath, [SERVER, String(pods)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(server.stdout!, 'data');
  return { server, url: `http://127.0.0.1:${String(port).trim()}` };
}

async function inChild(what: 'store' | 'parse', url: string, updates: boolean): Promise<Result> {
  const child = fork(fileURLToPath(import.meta.url), [what, url, String(updates)], { execArgv: ['--expose-gc'] });
  const [result] = (await once(child, 'message')) as [Result];
  return result;
}

async function main(): Promise<void> {
  console.log(
    'pods     CPU s  wall s  peak MB  settled MB  heap MB  JSON.parse CPU s, peak MB   updates: cores, latest ms',
  );
  for (const pods of SIZES) {
    const { server, url } = await startServer(pods);
    const store = await inChild('store', url, true);
    const parse = await inChild('parse', url, false);
    server.kill();
    const figures = [store.cpuSeconds.toFixed(2), store.wallSeconds.toFixed(1), store.peakMegabytes.toFixed(0)];
    const memory = [store.settledMegabytes.toFixed(0), store.heapMegabytes.toFixed(1)];
    const reference = [parse.cpuSeconds.toFixed(2), parse.peakMegabytes.toFixed(0)];
    const updates = [store.updateCpuSeconds.toFixed(2), store.latestMs.toFixed(0)];
    console.log(`${String(pods).padEnd(7)}  ${[...figures, ...memory, ...reference, ...updates].join('  ')}`);
  }
}

const [what, url, updates] = process.argv.slice(2);
if (what === undefined) await main();
else {
  const measure = what === 'store' ? measureStore(url!, updates === 'true') : measureParse(url!);
  process.send!(await measure);
  process.disconnect();
  process.exit();
}
