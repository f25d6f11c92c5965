/** The step for pipelines without attribute_select: makes flow bytes and packets, with all attributes that the rows have. */

import type { Processor } from '../component/define.ts';
import { flowMetrics } from '../table/metrics.ts';
import { allAttributes, createMetricsOfFlows } from '../table/metrics-of-flows.ts';

export function createAllAttributes(): Processor {
  const metricsOfFlows = createMetricsOfFlows();
  const metrics = flowMetrics.filter(({ family }) => family === 'flow');
  return {
    flows(table) {
      const attributes = allAttributes(table);
      return metricsOfFlows(
        table,
        metrics.map((metric) => ({ metric, attributes })),
      );
    },
  };
}
