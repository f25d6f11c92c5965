/** Sends the latest point of each cumulative series once an interval. */

import { defineProcessor } from '../../core/component/define.ts';
import { boolean, duration } from '../../core/config/formats.ts';
import { LatestPoints } from '../../core/table/latest-points.ts';

interface Config {
  /** Milliseconds. */
  readonly interval: number;
  readonly pass_through: { readonly gauge: boolean; readonly summary: boolean };
}

export default defineProcessor<Config>({
  type: 'interval',
  stability: 'alpha',
  description: 'Sends the latest point of each cumulative series once an interval.',
  needs: [],
  adds: [],
  consumes: 'metrics',
  produces: 'same',
  config: {
    interval: { doc: 'How often the latest points are sent.', format: duration, default: '60s' },
    pass_through: {
      gauge: {
        doc: 'Accepted from upstream, decides nothing: gauges that come by OTLP pass in any case.',
        format: boolean,
        default: false,
      },
      summary: { doc: 'Accepted from upstream, decides nothing: nor does a summary.', format: boolean, default: false },
    },
  },
  validate: ({ interval }) =>
    interval > 0 ? [] : [{ path: ['interval'], message: 'invalid interval value', fix: 'write a time such as 60s' }],

  create({ interval: intervalMs }, { clock, logger }) {
    const latest = new LatestPoints();
    let saidThatDeltasPass = false;
    let nextMs = clock.monotonicMs() + intervalMs;
    /** Intervals that went by with nothing to send, or without room, are not made up for. */
    const passOver = (nowMs: number) => {
      if (nowMs >= nextMs) nextMs += intervalMs * (Math.floor((nowMs - nextMs) / intervalMs) + 1);
    };

    return {
      metrics(tables) {
        if (latest.empty) passOver(clock.monotonicMs());
        const passing = tables.filter(({ temporality }) => temporality === 'delta');
        for (const table of tables) if (table.temporality === 'cumulative') latest.add(table);
        if (passing.length > 0 && !saidThatDeltasPass) {
          saidThatDeltasPass = true;
          logger.warn('Delta sums pass at once: put delta_to_cumulative before this processor to send less often.');
        }
        return passing;
      },
      held: {
        dueMs: () => (latest.empty ? undefined : nextMs),
        release(nowMs) {
          if (nowMs < nextMs) return [];
          if (nowMs < Infinity) passOver(nowMs);
          return latest.take();
        },
      },
    };
  },
});
