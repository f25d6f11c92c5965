/** Checks that the processors of each pipeline stand in an order that can work, from what their definitions declare. */

import type { ProcessorComponent, TableKind } from '../component/define.ts';
import type { ComponentInstance, PipelineConfig, ResolvedConfig } from '../config/types.ts';
import { WeirError } from '../errors.ts';

type ProcessorInstance = ComponentInstance<ProcessorComponent<unknown>>;

/** Every mistake in the order of processors, of all pipelines; empty when they can work. */
export function orderProblems(config: ResolvedConfig): WeirError[] {
  return config.pipelines.flatMap((pipeline) => {
    const receivers = config.receivers.filter(({ id }) => pipeline.receivers.includes(id));
    const filled = receivers.flatMap(({ definition }) => definition.adds);
    const processors = pipeline.processors.flatMap((id) => config.processors.filter((one) => one.id === id));
    return [...flowsAfterMetrics(pipeline, processors), ...needsUnfilled(pipeline, filled, processors)];
  });
}

/** Which kind of table a processor works on, as it is configured. */
export function consumedBy({ definition: { consumes }, config }: ProcessorInstance): TableKind {
  return typeof consumes === 'function' ? consumes(config) : consumes;
}

/** True when only metrics leave a processor: flows on their way to it are made into metrics before it. */
export function leavesMetrics(processor: ProcessorInstance): boolean {
  const { produces } = processor.definition;
  return produces === 'metrics' || (consumedBy(processor) === 'metrics' && produces === 'same');
}

function flowsAfterMetrics(pipeline: PipelineConfig, processors: readonly ProcessorInstance[]): WeirError[] {
  const first = processors.findIndex(leavesMetrics);
  const maker = processors[first];
  if (maker === undefined) return [];
  return processors
    .slice(first + 1)
    .filter((processor) => consumedBy(processor) === 'flows')
    .map(({ id }) =>
      problem(
        pipeline,
        `processor "${id}" works on flows, but "${maker.id}" before it leaves only metrics`,
        `put ${id} before ${maker.id}`,
      ),
    );
}

function needsUnfilled(
  pipeline: PipelineConfig,
  filled: readonly string[],
  processors: readonly ProcessorInstance[],
): WeirError[] {
  const attributes = new Set(filled);
  const problems: WeirError[] = [];
  processors.forEach(({ id, definition }, position) => {
    for (const attribute of definition.needs.filter((name) => !attributes.has(name))) {
      const filler = processors.slice(position + 1).find((later) => later.definition.adds.includes(attribute));
      problems.push(
        filler === undefined
          ? problem(
              pipeline,
              `processor "${id}" needs the attribute ${attribute}, which nothing before it fills`,
              `put a processor that fills ${attribute} before ${id}, or take ${id} out`,
            )
          : problem(
              pipeline,
              `processor "${id}" needs the attribute ${attribute}, which only "${filler.id}" behind it fills`,
              `put ${filler.id} before ${id}`,
            ),
      );
    }
    for (const attribute of definition.adds) attributes.add(attribute);
  });
  return problems;
}

function problem({ id, place }: PipelineConfig, message: string, fix: string): WeirError {
  return new WeirError('config/order', message, { place, path: `service::pipelines::${id}::processors`, fix });
}
