/**
 * A scrape of the `prometheus` exporter over HTTP, by another process: how long it takes, how many bytes, the longest
 * time that the event loop was held up meanwhile, and the most memory that this process had. Run for each number of
 * series in a process of its own.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { listDictionary, numbers } from '../core/table/dictionary.ts';
import type { MetricTable } from '../core/table/metric-table.ts';
import { SeriesIndex } from '../core/table/series-index.ts';
import prometheus, { createPrometheusExporter } from '../exporters/prometheus/index.ts';
import { configOf } from '../test/support/component-config.ts';
import { agent, tableOf } from '../test/support/metric-tables.ts';
import { createRecordingHost } from '../test/support/recording-host.ts';

const SERIES: readonly number[] = [10_000, 100_000];
const SCRAPES = 15;
/** How often the loop is asked whether it still turns. */
const TICK_MS = 1;
const SELF = fileURLToPath(import.meta.url);

/** Twelve attributes as Kubernetes has them, some 350 bytes of labels. */
function flowTable(count: number): MetricTable {
  const pods = Array.from({ length: 400 }, (_, i) => `checkout-7d9f8b6c5-${(i * 7919).toString(36).padStart(5, 'x')}`);
  const owners = listDictionary(Array.from({ length: 40 }, (_, i) => `checkout-service-${i}`));
  const names = listDictionary(pods);
  const nodes = listDictionary(Array.from({ length: 20 }, (_, i) => `ip-10-0-${i}-7.eu-west-1.compute.internal`));
  const namespaces = listDictionary(Array.from({ length: 8 }, (_, i) => `team-${i}-production`));
  const zones = listDictionary(['eu-west-1a', 'eu-west-1b', 'eu-west-1c']);
  const columns = [
    ...(['src', 'dst'] as const).flatMap((side) => [
      { name: `k8s.${side}.name`, dictionary: names },
      { name: `k8s.${side}.namespace`, dictionary: namespaces },
      { name: `k8s.${side}.owner.name`, dictionary: owners },
      { name: `k8s.${side}.node.name`, dictionary: nodes },
      { name: `${side}.zone`, dictionary: zones },
    ]),
    { name: 'server.port', dictionary: numbers },
    { name: 'transport', dictionary: listDictionary(['TCP', 'UDP']) },
  ];
  const series = new SeriesIndex(columns);
  const end = (pod: number) => [pod, pod % 8, pod % 40, pod % 20, pod % 3];
  const ids = Uint32Array.from({ length: count }, (_, i) =>
    series.intern([...end(i % 400), ...end(Math.floor(i / 400) % 400), 443, 0]),
  );
  return tableOf([], { series, ids, values: Float64Array.from(ids, (id) => 1e9 + id * 104_729), resource: agent });
}

const threadCpuMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/**
 * The longest time between two turns of the loop, by the clock and by what this thread computed meanwhile. The first one
 * holds what other programs took on a busy machine, the second one is ours alone.
 */
function watchLoop() {
  let worst = { wallMs: 0, cpuMs: 0 };
  let last = { wallMs: performance.now(), cpuMs: threadCpuMs() };
  const timer = setInterval(() => {
    const now = { wallMs: performance.now(), cpuMs: threadCpuMs() };
    worst = {
      wallMs: Math.max(worst.wallMs, now.wallMs - last.wallMs - TICK_MS),
      cpuMs: Math.max(worst.cpuMs, now.cpuMs - last.cpuMs),
    };
    last = now;
  }, TICK_MS);
  return {
    /** Since it was asked last. */
    worst() {
      const told = worst;
      worst = { wallMs: 0, cpuMs: 0 };
      return told;
    },
    stop: () => clearInterval(timer),
  };
}

const peakMegabytes = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function measure(count: number): Promise<void> {
  const host = createRecordingHost('prometheus');
  const exporter = createPrometheusExporter(configOf(prometheus, { endpoint: '127.0.0.1:0' }), host);
  await exporter.start?.();
  const table = flowTable(count);
  const heapBefore = usedHeap();
  const loop = watchLoop();
  const began = threadCpuMs();
  exporter.export([table]);
  const firstMs = threadCpuMs() - began;
  const perSeries = (usedHeap() - heapBefore) / count;
  const again = threadCpuMs();
  exporter.export([table]);
  const windowMs = threadCpuMs() - again;
  for (const encoding of ['identity', 'gzip'] as const) {
    const times: number[] = [];
    const cpus: number[] = [];
    const stalls: { readonly wallMs: number; readonly cpuMs: number }[] = [];
    let bytes = 0;
    for (let scrape = 0; scrape < SCRAPES; scrape++) {
      // Each scrape sees new values, so that nothing is shared.
      exporter.export([table]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      loop.worst();
      const cpuBefore = process.cpuUsage();
      const [milliseconds, length] = await scrapeFromOutside(exporter.port(), encoding);
      times.push(milliseconds);
      const cpu = process.cpuUsage(cpuBefore);
      cpus.push((cpu.user + cpu.system) / 1000);
      stalls.push(loop.worst());
      bytes = length;
    }
    const walls = stalls.map(({ wallMs }) => wallMs);
    process.stdout.write(
      `${count} series, ${encoding}: ${median(times).toFixed(0)} ms (least ${Math.min(...times).toFixed(0)}), ` +
        `${(bytes / 1e6).toFixed(1)} MB, CPU ${median(cpus).toFixed(0)} ms (least ${Math.min(...cpus).toFixed(0)}), ` +
        `loop held up ${median(walls).toFixed(1)} ms (least ${Math.min(...walls).toFixed(1)}, ` +
        `by us ${median(stalls.map(({ cpuMs }) => cpuMs)).toFixed(1)})\n`,
    );
  }
  process.stdout.write(
    `${count} series: first window ${firstMs.toFixed(0)} ms of CPU, later ones ${windowMs.toFixed(1)} ms, ` +
      `${perSeries.toFixed(0)} bytes a series, peak ${peakMegabytes().toFixed(0)} MB\n`,
  );
  loop.stop();
  await exporter.stop?.();
}

function usedHeap(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Milliseconds until the last byte, and how many there were, as a process sees it that does nothing else. */
async function scrapeFromOutside(port: number, encoding: string): Promise<readonly [number, number]> {
  const format = '%{time_total} %{size_download}';
  const url = `http://127.0.0.1:${port}/metrics`;
  const curl = spawn('curl', ['-s', '-o', '/dev/null', '-w', format, '-H', `accept-encoding: ${encoding}`, url]);
  let text = '';
  curl.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await once(curl, 'close');
  const [seconds, bytes] = text.split(' ').map(Number);
  return [seconds! * 1000, bytes!];
}

const wanted = process.argv[2];
if (wanted !== undefined) await measure(Number(wanted));
else {
  for (const count of SERIES) {
    execFileSync(process.execPath, ['--expose-gc', SELF, String(count)], { stdio: 'inherit' });
  }
}
