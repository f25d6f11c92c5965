/** Prints metrics: a line with counts in the log, or every point on standard output. */

import type { Writable } from 'node:stream';
import { defineExporter, type Exporter, type Host } from '../../core/component/define.ts';
import { level } from '../../core/config/formats.ts';
import { exporterCounters } from '../../core/queue/counters.ts';
import { isMetricTable, isResourceMetrics, type LeavingTable, pointsOfAll } from '../../core/table/resource-metrics.ts';
import { detailedText, normalText } from './text.ts';

interface DebugConfig {
  readonly verbosity: 'basic' | 'normal' | 'detailed';
}

export default defineExporter<DebugConfig>({
  type: 'debug',
  stability: 'alpha',
  description: 'Prints metrics to the log or to standard output.',
  config: {
    verbosity: {
      format: level('basic', 'normal', 'detailed'),
      default: 'basic',
      doc: '`basic`: one log line a window with counts. `normal`: one line a point on standard output. `detailed`: every field of every point on standard output.',
    },
  },
  create: (config, host) => createDebugExporter(config, host, process.stdout),
});

/** A terminal that does not take more (a stopped pipe) has no room; one that is gone refuses all that follows. */
export function createDebugExporter({ verbosity }: DebugConfig, host: Host, output: Writable): Exporter {
  const counters = exporterCounters(host);
  let closed = false;
  const roomCallbacks: (() => void)[] = [];
  const onDrain = () => {
    for (const callback of roomCallbacks) callback();
  };
  const onError = (error: Error) => {
    closed = true;
    host.logger.warn('Standard output is closed; points are no longer printed.', { error: error.message });
    // Nothing will drain any more, and whoever waits for that would wait for ever.
    onDrain();
  };
  return {
    async start() {
      output.on('error', onError);
      output.on('drain', onDrain);
    },
    async stop() {
      output.off('drain', onDrain);
    },
    hasRoom: () => closed || !output.writableNeedDrain,
    onRoom: (callback) => void roomCallbacks.push(callback),
    export(tables, onSettled = () => undefined) {
      const points = pointsOfAll(tables);
      if (points === 0) {
        onSettled('delivered');
        return;
      }
      if (verbosity === 'basic') {
        host.logger.info('Metrics', countsOf(tables, points));
      } else if (closed) {
        counters.sendFailed(points);
        onSettled('given_up');
        return;
      } else if (output.writableNeedDrain) {
        counters.enqueueFailed(points);
        onSettled('given_up');
        return;
      } else {
        output.write(verbosity === 'normal' ? normalText(tables) : detailedText(tables));
      }
      counters.sent(points);
      onSettled('delivered');
    },
  };
}

function countsOf(tables: readonly LeavingTable[], points: number): Record<string, number> {
  const used = tables.filter(isMetricTable).filter((table) => table.ids.length > 0);
  const others = tables.filter(isResourceMetrics);
  return {
    'resource metrics': new Set(used.map((table) => table.resource)).size + others.length,
    metrics: others.reduce((sum, { metrics }) => sum + metrics, new Set(used.map((table) => table.metric)).size),
    'data points': points,
  };
}
