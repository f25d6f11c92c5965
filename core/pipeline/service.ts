/** A running configuration: starts the graph with exporters first, and stops it with receivers first, draining. */

import type { Host } from '../component/define.ts';
import type { ResolvedConfig, TelemetryConfig } from '../config/types.ts';
import { type Clock, systemClock } from '../telemetry/clock.ts';
import type { MetricsEndpoint } from '../telemetry/endpoint.ts';
import { createLogger, type Logger } from '../telemetry/log.ts';
import { registerProcessMetrics } from '../telemetry/process-metrics.ts';
import { createRegistry, type PrometheusRegistry } from '../telemetry/registry.ts';
import { buildGraph, type Graph, type Node } from './build.ts';
import { inContext } from './failure.ts';

export interface ServiceOptions {
  readonly build: Host['build'];
  readonly clock?: Clock;
  /** Takes each line of the log. Default standard error. */
  readonly write?: (line: string) => void;
}

export interface Service {
  /** Resolves when no receiver will hand over anything more by itself; never while one goes on counting. */
  ended(): Promise<void>;
  /** Stops and drains everything; once, however often it is called. Rejects with all that went wrong, at its end. */
  stop(): Promise<void>;
}

interface Stoppable {
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

/** Resolves when every component has started. When one does not start, stops all others first and rejects. */
export async function startService(config: ResolvedConfig, options: ServiceOptions): Promise<Service> {
  const { build, clock = systemClock, write } = options;
  const logger = createLogger({ ...config.telemetry.logs, clock, ...(write === undefined ? {} : { write }) });
  const metrics = createRegistry();
  registerProcessMetrics(metrics, clock);
  for (const warning of config.warnings) logger.warn(warning);

  const graph = buildGraph(config, { build, clock, logger, metrics });
  logger.info(`Starting ${build.command}...`, { Version: build.version });
  let endpoint: MetricsEndpoint | undefined;
  try {
    endpoint = await openEndpoint(config.telemetry, metrics, logger);
    await startGraph(graph);
  } catch (error) {
    const failures = await stopGraph(graph);
    await endpoint?.close();
    for (const failure of failures) logger.error('Component failed to stop.', { error: failure });
    throw error;
  }
  logger.info('Everything is ready. Begin running and processing data.');

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    logger.info('Starting shutdown...');
    const failures = await stopGraph(graph);
    await endpoint?.close();
    if (failures.length > 0) throw new AggregateError(failures, 'failed to shutdown pipelines');
    logger.info('Shutdown complete.');
  };
  return {
    async ended() {
      await Promise.all(graph.receivers.map(({ instance }) => instance.ended?.() ?? new Promise(() => undefined)));
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

async function startGraph({ exporters, processors, releasers, receivers }: Graph): Promise<void> {
  const each = async (nodes: readonly Node<Stoppable>[]) => {
    for (const node of nodes) {
      try {
        await node.instance.start?.();
      } catch (error) {
        throw inContext(error, 'cannot start pipelines: failed to start', node);
      }
    }
  };
  await each([...exporters, ...processors.toReversed()]);
  for (const releaser of releasers) releaser.start();
  await each(receivers);
}

/** Stops all, also what has not started; one failure does not keep the others from stopping. */
async function stopGraph({ receivers, releasers, processors, exporters }: Graph): Promise<Error[]> {
  const failures: Error[] = [];
  const each = async <Instance>(
    nodes: readonly Node<Instance>[],
    end: (instance: Instance) => Promise<void> | undefined,
  ) => {
    for (const node of nodes) {
      try {
        await end(node.instance);
      } catch (error) {
        failures.push(inContext(error, 'failed to shutdown pipelines: failed to stop', node));
      }
    }
  };
  await each<Stoppable>(receivers, (instance) => instance.stop?.());
  for (const releaser of releasers) await releaser.stop();
  await each<Stoppable>([...processors, ...exporters], (instance) => instance.stop?.());
  await each(receivers, (receiver) => receiver.finish?.());
  return failures;
}
