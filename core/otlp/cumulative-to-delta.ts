/**
 * Sums that grow as their differences, stream by stream. A stream is one series of one sender since one start time, so
 * what a sender counts after its restart is another stream, and points of both may come in any order.
 */

import type { DecodedMetric, DecodedPoint } from './decoded.ts';

/**
 * What became of a point. `base`: the first one seen of a stream that began before this could have seen all of it, so it
 * says where to count from; `old`: not later than another one of its stream, which holds its value already; `reset`: less
 * than the one before, with the same start time, so counted from zero.
 */
export type PointFate = 'difference' | 'base' | 'old' | 'reset';

interface Stream {
  timeNs: bigint;
  value: number;
}

/** Beyond it the stream that was quiet for the longest time is forgotten. Each takes some 500 bytes. */
export const MAX_STREAMS = 200_000;

interface Options {
  /** Unix time: streams that began later are seen from their first point on. */
  readonly sinceNs: bigint;
  readonly onPoint: (fate: PointFate) => void;
  readonly maxStreams?: number;
}

/** One a receiver. Gives a cumulative metric as a delta one with the points that have a difference; others as they are. */
export function createCumulativeToDelta({ sinceNs, onPoint, maxStreams = MAX_STREAMS }: Options) {
  /** Those that were quiet for the longest time first. */
  const streams = new Map<string, Stream>();
  /** The first point of a stream that began later is the first there is: none was ever seen and forgotten. */
  let horizonNs = sinceNs;

  function forgetQuietest(): void {
    const [key] = streams.keys();
    const startNs = BigInt(key!.slice(0, key!.indexOf(' ')));
    if (startNs > horizonNs) horizonNs = startNs;
    streams.delete(key!);
  }

  function differenceOf(sender: string, point: DecodedPoint): DecodedPoint | undefined {
    const { startNs, timeNs, value } = point;
    // Whoever counts flows refuses it, and says why.
    if (!Number.isSafeInteger(value) || value < 0) return point;
    const key = `${startNs} ${sender} ${JSON.stringify(point.attributes.toSorted(byName))}`;
    const before = streams.get(key);
    if (before !== undefined && timeNs <= before.timeNs) {
      onPoint('old');
      return undefined;
    }
    streams.delete(key);
    streams.set(key, { timeNs, value });
    if (before === undefined) {
      if (streams.size > maxStreams) forgetQuietest();
      const isFirst = startNs > horizonNs && startNs < timeNs;
      onPoint(isFirst ? 'difference' : 'base');
      return isFirst ? point : undefined;
    }
    const isReset = value < before.value;
    onPoint(isReset ? 'reset' : 'difference');
    return { ...point, startNs: before.timeNs, value: isReset ? value : value - before.value };
  }

  return (metric: DecodedMetric): DecodedMetric => {
    if (metric.temporality !== 'cumulative') return metric;
    const sender = JSON.stringify([metric.resource, metric.scope, metric.name]);
    const points = metric.points.flatMap((point) => {
      const difference = differenceOf(sender, point);
      return difference === undefined || difference.value === 0 ? [] : [difference];
    });
    return { ...metric, temporality: 'delta', points };
  };
}

const byName = ([a]: DecodedPoint['attributes'][number], [b]: DecodedPoint['attributes'][number]) =>
  a < b ? -1 : Number(a > b);
