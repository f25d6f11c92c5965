/** Takes tables through the processors of one pipeline, from any of them to the end. */

import type { FilteredRows, FromFlows, HeldRows, Processor } from '../component/define.ts';
import { WeirError } from '../errors.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import type { ResourceMetricsTable } from '../table/resource-metrics.ts';

export interface Step {
  readonly id: string;
  readonly processor: Processor;
}

/** What a pipeline made of tables. */
export interface Outcome {
  readonly metrics: readonly MetricTable[];
  readonly filtered: readonly FilteredRows[];
  readonly held: readonly HeldByStep[];
}

export interface HeldByStep {
  readonly rows: HeldRows;
  /** Place of the processor that holds them. */
  readonly step: number;
}

/** Throws a WeirError that names the processor which failed. */
export function runPipeline(steps: readonly Step[], table: FlowTable): Outcome {
  return run(steps, [table], 0);
}

/** Points that the processors before these let go of. */
export function runPoints(steps: readonly Step[], tables: readonly MetricTable[]): readonly MetricTable[] {
  return run(steps, tables, 0).metrics;
}

/** Metrics that are no flows. */
export function runResourceMetrics(
  steps: readonly Step[],
  tables: readonly ResourceMetricsTable[],
): readonly ResourceMetricsTable[] {
  let passing = tables;
  for (const step of steps) {
    const { processor } = step;
    if (processor.resourceMetrics === undefined) continue;
    passing = attempt(step, () => passing.map((table) => processor.resourceMetrics!(table)));
  }
  return passing;
}

/** What a processor held back, from there on. */
export function runHeld(steps: readonly Step[], { rows, step }: HeldByStep): Outcome {
  return run(
    steps,
    attempt(steps[step]!, () => rows.release()),
    step + 1,
    step,
  );
}

function run(steps: readonly Step[], made: readonly FromFlows[], from: number, by = -1): Outcome {
  const filtered: FilteredRows[] = [];
  const held: HeldByStep[] = [];
  let flows: readonly FlowTable[] = [];
  let metrics: readonly MetricTable[] = [];
  const sort = (tables: readonly FromFlows[], step: number) => {
    flows = tables.filter((one) => one.kind === 'flows');
    metrics = [...metrics, ...tables.filter((one) => one.kind === 'metric')];
    filtered.push(...tables.filter((one) => one.kind === 'filtered'));
    for (const rows of tables) if (rows.kind === 'held') held.push({ rows, step });
  };
  sort(made, by);
  for (let step = from; step < steps.length; step++) {
    const one = steps[step]!;
    attempt(one, () => {
      sort(
        flows.flatMap((table) => one.processor.flows?.(table) ?? [table]),
        step,
      );
      if (metrics.length > 0) metrics = one.processor.metrics?.(metrics) ?? metrics;
    });
  }
  return { metrics, filtered, held };
}

function attempt<Made>({ id }: Step, work: () => Made): Made {
  try {
    return work();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new WeirError('pipeline/failed', `processor "${id}" failed: ${message}`, { cause });
  }
}
