/** The step for pipelines without attribute_select: makes every flow metric, with all attributes that the rows have. */

import type { Processor } from '../component/define.ts';
import { flowMetrics } from '../table/metrics.ts';
import { allAttributes, createMetricsOfFlows } from '../table/metrics-of-flows.ts';

export function createAllAttributes(): Processor {
  const metricsOfFlows = createMetricsOfFlows();
  return {
    flows(table) {
      const attributes = allAttributes(table);
      return metricsOfFlows(
        table,
        flowMetrics.map((metric) => ({ metric, attributes })),
      );
    },
  };
}
