/**
 * The times at which windows end. Windows join and never end before they start, whatever is done to the host's time: when
 * it was set back, they go on by the monotonic clock, a little shorter than they are, until it has caught up.
 */

import type { Clock } from '../../core/telemetry/clock.ts';

/**
 * How much shorter: one part in this many. So after a step of an hour rates are 7 % too high for 16 hours, and time stamps
 * are never ahead by more than the step.
 */
const SLOWER_BY = 16n;

export interface WindowClock {
  /** Unix time in ns: of now, later than what it gave before. */
  end(): bigint;
}

/** The first window begins at `startNs`. */
export function createWindowClock(clock: Clock, startNs: bigint): WindowClock {
  let lastNs = startNs;
  let lastMs = clock.monotonicMs();
  return {
    end() {
      const nowMs = clock.monotonicMs();
      const elapsedNs = BigInt(Math.round((nowMs - lastMs) * 1e6));
      const earliestNs = lastNs + elapsedNs - elapsedNs / SLOWER_BY;
      const wallNs = clock.nowNs();
      const atLeastNs = earliestNs > lastNs ? earliestNs : lastNs + 1n;
      lastNs = wallNs > atLeastNs ? wallNs : atLeastNs;
      lastMs = nowMs;
      return lastNs;
    },
  };
}
