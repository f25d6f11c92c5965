/**
 * A running configuration: starts extensions, then the graph with exporters first, and stops it with receivers first,
 * draining. Another configuration can take its place.
 */

import type { Host } from '../component/define.ts';
import type { ResolvedConfig, TelemetryConfig } from '../config/types.ts';
import { type Clock, systemClock } from '../telemetry/clock.ts';
import type { MetricsEndpoint } from '../telemetry/endpoint.ts';
import { createLogger, type Logger } from '../telemetry/log.ts';
import { registerProcessMetrics } from '../telemetry/process-metrics.ts';
import { createRegistry, type PrometheusRegistry } from '../telemetry/registry.ts';
import { buildGraph, type Graph, type ProcessorNode } from './build.ts';
import { keptProcessors } from './kept.ts';
import { startGraph, stopGraph } from './life.ts';

export interface ServiceOptions {
  readonly build: Host['build'];
  readonly clock?: Clock;
  /** Takes each line of the log. Default standard error. */
  readonly write?: (line: string) => void;
}

export interface Service {
  /** Resolves when no receiver will hand over anything more by itself; never while one goes on counting. */
  ended(): Promise<void>;
  /**
   * Stops and drains everything but the processors that the other configuration has as they are, and starts that one
   * with them. Rejects where it cannot start; then nothing runs. Not to be called while a call of it goes on.
   */
  replace(config: ResolvedConfig): Promise<void>;
  /** Stops and drains everything; once, however often it is called. Rejects with all that went wrong, at its end. */
  stop(): Promise<void>;
}

interface Running {
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly graph: Graph;
  readonly endpoint: MetricsEndpoint | undefined;
}

const NONE: readonly ProcessorNode[] = [];

/** Resolves when every component has started. When one does not start, stops all others first and rejects. */
export async function startService(config: ResolvedConfig, options: ServiceOptions): Promise<Service> {
  const { build, clock = systemClock, write } = options;
  const metrics = createRegistry();
  registerProcessMetrics(metrics, clock);

  async function begin(config: ResolvedConfig, kept: readonly ProcessorNode[]): Promise<Running> {
    const logger = createLogger({ ...config.telemetry.logs, clock, ...(write === undefined ? {} : { write }) });
    for (const warning of config.warnings) logger.warn(warning);
    const graph = buildGraph(config, { build, clock, logger, metrics, kept });
    logger.info(`Starting ${build.command}...`, { Version: build.version });
    let endpoint: MetricsEndpoint | undefined;
    try {
      endpoint = await openEndpoint(config.telemetry, metrics, logger);
      await startGraph(graph, kept);
    } catch (error) {
      const failures = await stopGraph(graph, NONE);
      await endpoint?.close();
      for (const failure of failures) logger.error('Component failed to stop.', { error: failure });
      throw error;
    }
    for (const { instance } of graph.extensions) instance.ready?.();
    logger.info('Everything is ready. Begin running and processing data.');
    return { config, logger, graph, endpoint };
  }

  async function end({ logger, graph, endpoint }: Running, kept: readonly ProcessorNode[]): Promise<readonly Error[]> {
    logger.info('Starting shutdown...');
    for (const { instance } of graph.extensions) instance.notReady?.();
    const failures = await stopGraph(graph, kept);
    await endpoint?.close();
    if (failures.length === 0) logger.info('Shutdown complete.');
    return failures;
  }

  let running = await begin(config, NONE);
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    const failures = await end(running, NONE);
    if (failures.length > 0) throw new AggregateError(failures, 'failed to shutdown pipelines');
  };
  return {
    async ended() {
      const { receivers } = running.graph;
      await Promise.all(receivers.map(({ instance }) => instance.ended?.() ?? new Promise(() => undefined)));
    },
    async replace(next) {
      const { graph, logger } = running;
      const kept = keptProcessors(graph, running.config, next);
      logger.warn('Config updated, restart service');
      // What does not stop as it should does not keep the new configuration from starting.
      for (const error of await end(running, kept)) logger.error('Component failed to stop.', { error });
      try {
        running = await begin(next, kept);
      } catch (error) {
        // They may be in no graph yet; to stop twice is safe.
        for (const { instance } of kept) await instance.stop?.();
        throw error;
      }
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Loads the HTTP server only when it is wanted. */
async function openEndpoint(
  { metrics: { level, host, port } }: TelemetryConfig,
  registry: PrometheusRegistry,
  logger: Logger,
): Promise<MetricsEndpoint | undefined> {
  if (level === 'none') return undefined;
  const { openMetricsEndpoint } = await import('../telemetry/endpoint.ts');
  return openMetricsEndpoint({ host, port, registry, logger });
}
