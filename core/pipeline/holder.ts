/**
 * One processor that holds points back. When it fails to let go of them it is asked again, later each time, and that is
 * said once until it works again: what it holds is not lost before the end.
 */

import type { HeldPoints } from '../component/define.ts';
import { createBackoff } from '../queue/backoff.ts';
import type { MetricTable } from '../table/metric-table.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';

/** Nobody else waits for the same, so nothing is to be spread. */
const retry = { initial_interval: 100, multiplier: 2, max_interval: 30_000, randomization_factor: 0 };

export interface Holder {
  /** Place of the processor in its pipeline. */
  readonly at: number;
  holdsNothing(): boolean;
  /** Monotonic milliseconds at which it is to be asked; Infinity: it holds nothing. */
  dueMs(): number;
  /** What is due; with Infinity, all. Nothing when the processor fails, or is asked again too early. */
  release(nowMs: number): readonly MetricTable[];
}

export interface HolderParts {
  readonly id: string;
  readonly held: HeldPoints;
  readonly at: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createHolder({ id, held, at, clock, logger }: HolderParts): Holder {
  let nextWaitMs: ReturnType<typeof createBackoff> | undefined;
  let notBeforeMs = 0;
  const log = logger.with({ 'otelcol.component.id': id });
  return {
    at,
    holdsNothing: () => held.dueMs() === undefined,
    dueMs: () => Math.max(held.dueMs() ?? Infinity, notBeforeMs),
    release(nowMs) {
      if (nowMs < notBeforeMs) return [];
      try {
        const released = held.release(nowMs);
        if (nextWaitMs !== undefined) log.info('Processor lets go of what it holds again.');
        nextWaitMs = undefined;
        return released;
      } catch (error) {
        if (nextWaitMs === undefined) log.error('Processor failed to let go of what it holds.', { error });
        nextWaitMs ??= createBackoff(retry);
        notBeforeMs = clock.monotonicMs() + nextWaitMs(0);
        return [];
      }
    },
  };
}
