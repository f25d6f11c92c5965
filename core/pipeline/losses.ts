/** Says and counts what a pipeline lost when one of its processors failed. */

import type { FlowTable } from '../table/flow-table.ts';
import { type LeavingTable, pointsOfAll } from '../table/resource-metrics.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';

/** Takes the tables that were on their way; of others, which may be sums that grow, points are counted. */
export type Losses = (pipeline: string, tables: readonly (FlowTable | LeavingTable)[], error: unknown) => void;

export function createLosses(logger: Logger, metrics: MetricRegistry): Losses {
  const counter = (what: string, words: string) =>
    metrics.counter({
      name: `otelcol_pipeline_lost_${what}_total`,
      help: `${words} that were lost in a pipeline because a processor failed.`,
    });
  const bytes = counter('bytes', 'Bytes of flow tables');
  const packets = counter('packets', 'Packets of flow tables');
  const points = counter('metric_points', 'Points that a processor had held back, or that are no flows,');
  return (pipeline, tables, error) => {
    const flows = tables.filter((table) => table.kind === 'flows');
    const pointTables = tables.filter((table) => table.kind !== 'flows');
    const lost = {
      rows: sum(flows.map(({ rows }) => rows)),
      bytes: sum(flows.map(({ measures }) => sum(measures.bytes))),
      packets: sum(flows.map(({ measures }) => sum(measures.packets))),
      points: pointsOfAll(pointTables),
    };
    bytes.add(lost.bytes, { pipeline });
    packets.add(lost.packets, { pipeline });
    points.add(lost.points, { pipeline });
    logger.error('Pipeline lost a table.', { 'otelcol.pipeline.id': pipeline, ...lost, error });
  };
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
