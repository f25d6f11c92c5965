/**
 * The graph of a configuration: makes one instance of each receiver and exporter in use, one of a processor for each
 * pipeline that it stands in, and joins them. Starts nothing.
 */

import type { Component, Exporter, Extension, Host, Processor, Receiver } from '../component/define.ts';
import type { ComponentInstance, PipelineConfig, ResolvedConfig } from '../config/types.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { createOperations, type Operations } from '../telemetry/operations.ts';
import { createAllAttributes } from './all-attributes.ts';
import { inContext, type Origin } from './failure.ts';
import { consumedBy, leavesMetrics, orderProblems } from './order.ts';
import { createReleaser, type Releaser } from './release.ts';
import { createRoom, type Room } from './room.ts';
import { createConsumer, type Pipeline } from './run.ts';
import type { Step } from './steps.ts';
import { timedConsumer, timedExporter, timedProcessor } from './timed.ts';

export interface GraphOptions {
  readonly build: Host['build'];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export interface Node<Instance> extends Origin {
  readonly instance: Instance;
}

export interface Graph {
  /** In the order of `service::extensions`. */
  readonly extensions: readonly Node<Extension>[];
  readonly receivers: readonly Node<Receiver>[];
  /** In the order of the pipelines, first to last. */
  readonly processors: readonly Node<Processor>[];
  readonly exporters: readonly Node<Exporter>[];
  /** One for each pipeline that holds points back. */
  readonly releasers: readonly Releaser[];
}

/** Throws an AggregateError with every mistake in the order of processors, or what a component threw. */
export function buildGraph(config: ResolvedConfig, options: GraphOptions): Graph {
  const problems = orderProblems(config);
  if (problems.length > 0) throw new AggregateError(problems, 'failed to build pipelines');
  const inUse = (kind: 'receivers' | 'exporters') => new Set(config.pipelines.flatMap((pipeline) => pipeline[kind]));

  const operations = createOperations(options.clock);
  const usedExporters = inUse('exporters');
  const exporters = config.exporters
    .filter(({ id }) => usedExporters.has(id))
    .map((one) => node(one, options, {}, (host) => one.definition.create(one.config, host)));
  const exporterById = new Map(
    exporters.map(({ id, instance }) => [id, timedExporter(instance, operations.named(`exporter/${id}/metrics`))]),
  );

  const room = createRoom([...exporterById.values()]);
  const pipelines = config.pipelines.map((pipeline) => {
    const { nodes, steps } = buildSteps(pipeline, config, operations, options);
    const { id, receivers, exporters } = pipeline;
    const releaser = releaserOf(pipeline, steps, exporterById, room, options);
    const run: Pipeline = { id, processors: steps, exporters, ...(releaser === undefined ? {} : { releaser }) };
    return { receivers, nodes, run };
  });

  const usedReceivers = inUse('receivers');
  const receivers = config.receivers
    .filter(({ id }) => usedReceivers.has(id))
    .map((one) => {
      const own = pipelines.filter(({ receivers }) => receivers.includes(one.id)).map(({ run }) => run);
      const untimed = createConsumer({ pipelines: own, exporters: exporterById, room, ...options });
      const consumer = timedConsumer(untimed, operations.named(`receiver/${one.id}/MetricsReceived`));
      return node(one, options, {}, (host) => one.definition.create(one.config, host, consumer));
    });

  const service = { pipelines: config.pipelines, extensions: config.usedExtensions, operations };
  const extensions = config.usedExtensions
    .flatMap((id) => config.extensions.filter((one) => one.id === id))
    .map((one) => node(one, options, {}, (host) => one.definition.create(one.config, host, service)));
  const processors = pipelines.flatMap(({ nodes }) => nodes);
  return {
    extensions,
    receivers,
    processors,
    exporters,
    releasers: pipelines.flatMap(({ run }) => run.releaser ?? []),
  };
}

/** The processors of one pipeline; flows that reach a processor of metrics, or the end, are made into metrics there. */
function buildSteps(pipeline: PipelineConfig, config: ResolvedConfig, operations: Operations, options: GraphOptions) {
  const nodes: Node<Processor>[] = [];
  const steps: Step[] = [];
  let flowsRemain = true;
  const makeMetrics = () => {
    if (flowsRemain) steps.push({ id: 'all attributes', processor: createAllAttributes() });
    flowsRemain = false;
  };

  for (const id of pipeline.processors) {
    const one = config.processors.find((processor) => processor.id === id);
    if (one === undefined) continue;
    if (consumedBy(one) === 'metrics') makeMetrics();
    const fields = { 'otelcol.pipeline.id': pipeline.id };
    const made = node(one, options, fields, (host) =>
      one.definition.create(one.config, { ...host, pipeline: pipeline.id }),
    );
    nodes.push(made);
    const operation = operations.named(`processor/${id}/${pipeline.id}`);
    steps.push({ id, processor: timedProcessor(made.instance, operation) });
    if (leavesMetrics(one)) flowsRemain = false;
  }
  makeMetrics();
  return { nodes, steps };
}

function releaserOf(
  { id, exporters: ids }: PipelineConfig,
  processors: readonly Step[],
  all: ReadonlyMap<string, Exporter>,
  room: Room,
  { clock, logger, metrics }: GraphOptions,
): Releaser | undefined {
  const exporters = new Map([...all].filter(([exporter]) => ids.includes(exporter)));
  return createReleaser({ pipeline: id, processors, exporters, room, clock, logger, metrics });
}

function node<Instance>(
  one: ComponentInstance<Component>,
  { build, clock, logger, metrics }: GraphOptions,
  fields: Readonly<Record<string, string>>,
  create: (host: Host) => Instance,
): Node<Instance> {
  const { id, placeOf } = one;
  const kind = one.definition.kind;
  const signal = kind === 'extension' ? {} : { 'otelcol.signal': 'metrics' };
  const names = { 'otelcol.component.id': id, 'otelcol.component.kind': kind, ...signal, ...fields };
  try {
    return { id, kind, placeOf, instance: create({ id, build, clock, metrics, logger: logger.with(names) }) };
  } catch (error) {
    throw inContext(error, 'failed to build pipelines: failed to create', { id, kind, placeOf });
  }
}
