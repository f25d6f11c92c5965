/** Turns delta points into running sums, with a start time for each series; totals stay exact past its limit too. */

import { defineProcessor } from '../../core/component/define.ts';
import { duration, nonNegativeInteger } from '../../core/config/formats.ts';
import { Accumulator } from '../../core/table/cumulative.ts';

interface Config {
  /** Milliseconds. */
  readonly max_stale: number;
  readonly max_streams: number;
}

export default defineProcessor<Config>({
  type: 'delta_to_cumulative',
  aliases: { deltatocumulative: '"deltatocumulative" alias is deprecated; use "delta_to_cumulative" instead' },
  stability: 'alpha',
  description: 'Turns delta sums into cumulative ones.',
  needs: [],
  adds: [],
  consumes: 'metrics',
  produces: 'same',
  config: {
    max_stale: {
      doc: 'A series without a point for longer than this is forgotten, unless what it is about is known to exist; when it comes back it starts at zero with a new start time.',
      format: duration,
      default: '5m',
    },
    max_streams: {
      doc: 'Series that are tracked, over all metrics; when there are more, the largest are, and the rest is summed in one overflow series a metric. `0`: no limit.',
      format: nonNegativeInteger,
      default: 100_000,
    },
  },
  validate: ({ max_stale }) =>
    max_stale > 0
      ? []
      : [{ path: ['max_stale'], message: 'max_stale must be a positive duration (got 0s)', fix: 'such as 5m' }],

  create({ max_stale, max_streams }, { id, metrics }) {
    const limit = max_streams === 0 ? Number.MAX_SAFE_INTEGER : max_streams;
    const accumulator = new Accumulator({ maxStaleMs: max_stale, maxStreams: limit });
    const labels = { processor: id };
    const points = metrics.counter({
      name: 'otelcol_deltatocumulative_datapoints',
      help: 'Points turned into cumulative ones.',
    });
    const overflowed = metrics.counter({
      name: 'otelcol_deltatocumulative_datapoints_overflowed',
      help: 'Points that max_streams left no place for: they are in the overflow series.',
    });
    const displaced = metrics.counter({
      name: 'otelcol_deltatocumulative_streams_displaced',
      help: 'Series that lost their place under max_streams to a larger one.',
    });
    const tracked = metrics.gauge({ name: 'otelcol_deltatocumulative_streams_tracked', help: 'Series with a sum.' });
    metrics
      .gauge({ name: 'otelcol_deltatocumulative_streams_limit', help: 'Series that max_streams allows.' })
      .set(limit, labels);
    metrics
      .gauge({ name: 'otelcol_deltatocumulative_streams_max_stale_seconds', help: 'The setting max_stale.' })
      .set(max_stale / 1000, labels);
    points.add(0, labels);
    overflowed.add(0, labels);
    displaced.add(0, labels);
    tracked.set(0, labels);

    return {
      metrics(tables) {
        const before = { overflowed: accumulator.overflowed, displaced: accumulator.displaced };
        const made = accumulator.accumulate(tables);
        for (const { temporality, ids } of tables) if (temporality === 'delta') points.add(ids.length, labels);
        overflowed.add(accumulator.overflowed - before.overflowed, labels);
        displaced.add(accumulator.displaced - before.displaced, labels);
        tracked.set(accumulator.tracked, labels);
        return made;
      },
    };
  },
});
