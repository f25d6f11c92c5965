/** Hands tables to an exporter, whose failure costs its own points only. */

import type { Exporter, Settlement } from '../component/define.ts';
import { exporterCounters } from '../queue/counters.ts';
import { type LeavingTable, pointsOfAll } from '../table/resource-metrics.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';

export type Departure = (
  id: string,
  exporter: Exporter,
  tables: readonly LeavingTable[],
  onSettled: (settlement: Settlement) => void,
) => void;

export function createDeparture(logger: Logger, metrics: MetricRegistry): Departure {
  return (id, exporter, tables, onSettled) => {
    try {
      exporter.export(tables, onSettled);
    } catch (error) {
      // A defect of that exporter: the others get their tables, and the receiver has delivered.
      const points = pointsOfAll(tables);
      exporterCounters({ id, metrics }).sendFailed(points);
      logger.error('Exporter failed on a window.', { 'otelcol.component.id': id, points, error });
      onSettled('given_up');
    }
  };
}
