/** Figures of the runtime, in node's own words. What stands on the command line is not among them: it may hold secrets. */

import { performance } from 'node:perf_hooks';
import v8 from 'node:v8';

export function runtimeFigures(): Record<string, unknown> {
  const { idle, active, utilization } = performance.eventLoopUtilization();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  return {
    memstats: { ...process.memoryUsage(), heap: v8.getHeapStatistics(), heap_spaces: v8.getHeapSpaceStatistics() },
    event_loop: { idle_ms: idle, active_ms: active, utilization },
    resource_usage: process.resourceUsage(),
    active_resources: resources,
    uptime_seconds: process.uptime(),
  };
}
