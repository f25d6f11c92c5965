/** The agent's own process, under the collector's metric names, so that collector dashboards show it. */

import type { Clock } from './clock.ts';
import type { MetricRegistry } from './metrics.ts';

export function registerProcessMetrics(registry: MetricRegistry, clock: Clock): void {
  const uptime = registry.counter({ name: 'otelcol_process_uptime', help: 'Seconds since the agent started.' });
  const cpu = registry.counter({
    name: 'otelcol_process_cpu_seconds',
    help: 'Processor time of the process, user and system, in seconds.',
  });
  const rss = registry.gauge({ name: 'otelcol_process_memory_rss', help: 'Resident memory in bytes.' });
  const heap = registry.gauge({
    name: 'otelcol_process_runtime_heap_alloc_bytes',
    help: 'Bytes of JavaScript objects on the heap.',
  });
  const total = registry.gauge({
    name: 'otelcol_process_runtime_total_sys_memory_bytes',
    help: 'Bytes that the process holds from the system; the same as its resident memory.',
  });

  // Counters only add, so each scrape adds what came since the one before.
  let reportedUptimeMs = clock.monotonicMs();
  let reportedCpuUs = 0;
  registry.onScrape(() => {
    const nowMs = clock.monotonicMs();
    uptime.add((nowMs - reportedUptimeMs) / 1000);
    reportedUptimeMs = nowMs;
    const { user, system } = process.cpuUsage();
    cpu.add((user + system - reportedCpuUs) / 1e6);
    reportedCpuUs = user + system;
    const memory = process.memoryUsage();
    rss.set(memory.rss);
    heap.set(memory.heapUsed);
    total.set(memory.rss);
  });
}
