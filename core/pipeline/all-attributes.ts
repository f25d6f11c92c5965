/** The step for pipelines without attribute_select: makes flow bytes and packets, with all attributes that the rows have. */

import type { Processor } from '../component/define.ts';
import { metricsOf } from '../table/metrics.ts';
import { allAttributes, createMetricsOfFlows } from '../table/metrics-of-flows.ts';

export function createAllAttributes(): Processor {
  const metricsOfFlows = createMetricsOfFlows();
  return {
    flows(table) {
      const attributes = allAttributes(table);
      const metrics = metricsOf(table.features).filter(({ family }) => family === 'flow');
      return metricsOfFlows(
        table,
        metrics.map((metric) => ({ metric, attributes })),
      );
    },
  };
}
