/** How long to wait between attempts: an interval that grows, with a random share of it more or less. */

import type { RetryConfig } from './schema.ts';

export type BackoffConfig = Pick<
  RetryConfig,
  'initial_interval' | 'randomization_factor' | 'multiplier' | 'max_interval'
>;

/** Gives the next wait in milliseconds at each call, never less than what the server asked for. */
export function createBackoff(retry: BackoffConfig): (throttleMs: number) => number {
  let intervalMs = retry.initial_interval;
  return (throttleMs) => {
    const spread = retry.randomization_factor * (Math.random() * 2 - 1);
    const waitMs = Math.max(throttleMs, intervalMs * (1 + spread));
    intervalMs = Math.min(intervalMs * retry.multiplier, retry.max_interval);
    return waitMs;
  };
}
