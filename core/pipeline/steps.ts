/** Sends tables through the processors of a pipeline, from any of them on: what comes in, and what one lets go later. */

import type { FilteredRows, Processor } from '../component/define.ts';
import { WeirError } from '../errors.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';

export interface Step {
  readonly id: string;
  readonly processor: Processor;
}

/** What processors made of some tables. */
export interface Outcome {
  readonly metrics: readonly MetricTable[];
  readonly filtered: readonly FilteredRows[];
}

/** Behind the last step there are only metric tables. Throws what a processor threw, with its id. */
export function runSteps(steps: readonly Step[], tables: readonly (FlowTable | MetricTable)[]): Outcome {
  let flows = tables.filter((table) => table.kind === 'flows');
  let metrics: readonly MetricTable[] = tables.filter((table) => table.kind === 'metric');
  const filtered: FilteredRows[] = [];
  for (const { id, processor } of steps) {
    try {
      const made = flows.flatMap((one) => processor.flows?.(one) ?? [one]);
      flows = made.filter((one) => one.kind === 'flows');
      metrics = [...metrics, ...made.filter((one) => one.kind === 'metric')];
      filtered.push(...made.filter((one) => one.kind === 'filtered'));
      if (metrics.length > 0) metrics = processor.metrics?.(metrics) ?? metrics;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new WeirError('pipeline/failed', `processor "${id}" failed: ${message}`, { cause });
    }
  }
  return { metrics, filtered };
}
