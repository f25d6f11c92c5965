/**
 * A configuration that runs as it is, but sends nothing and takes nothing away from the agent: what would leave each
 * pipeline is handed to the caller.
 */

import { defineExporter } from '../component/define.ts';
import type { PipelineConfig, ResolvedConfig } from '../config/types.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { isMetricTable } from '../table/resource-metrics.ts';

/** There is always room. Nothing has a port, neither self-metrics nor extensions: an agent may be running. */
export function withoutExporters(
  config: ResolvedConfig,
  onTables: (pipeline: PipelineConfig, tables: readonly MetricTable[]) => void,
): ResolvedConfig {
  const idOf = ({ id }: PipelineConfig) => `in_place_of_exporters/${id}`;
  const exporters = config.pipelines.map((pipeline) => {
    const definition = defineExporter<unknown>({
      type: 'in_place_of_exporters',
      stability: 'alpha',
      description: 'Looks at what would leave.',
      config: {},
      create: () => ({
        hasRoom: () => true,
        onRoom: () => undefined,
        export(tables, onSettled = () => undefined) {
          onTables(pipeline, tables.filter(isMetricTable));
          onSettled('delivered');
        },
      }),
    });
    return { id: idOf(pipeline), type: definition.type, definition, config: {}, placeOf: () => pipeline.place };
  });
  const receivers = config.receivers.map((one) => {
    const { definition, config: block } = one;
    return { ...one, config: definition.aside?.(block) ?? block };
  });
  return {
    ...config,
    receivers,
    exporters,
    usedExtensions: [],
    pipelines: config.pipelines.map((pipeline) => ({ ...pipeline, exporters: [idOf(pipeline)] })),
    telemetry: { ...config.telemetry, metrics: { ...config.telemetry.metrics, level: 'none' } },
  };
}
