/** A clock that moves only when the test moves it. */

import type { Clock } from '../../core/telemetry/clock.ts';

export interface ManualClock extends Clock {
  /** Moves the time on and wakes whoever slept until then, in order of their time. */
  advance(milliseconds: number): void;
  /** Resolves when somebody sleeps for this long, counted from now. */
  untilSleeping(milliseconds: number): Promise<void>;
}

interface Sleeper {
  readonly wakeMs: number;
  readonly wake: () => void;
}

export function createManualClock(epochNs = 1_700_000_000_000_000_000n): ManualClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<() => void>();
  return {
    nowNs: () => epochNs + BigInt(Math.round(nowMs * 1e6)),
    monotonicMs: () => nowMs,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) {
          resolve();
          return;
        }
        const sleeper = {
          wakeMs: nowMs + delayMs,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        signal?.addEventListener('abort', sleeper.wake, { once: true });
        sleepers.add(sleeper);
        for (const watcher of watchers) watcher();
      }),
    advance(milliseconds) {
      nowMs += milliseconds;
      const due = [...sleepers].filter((sleeper) => sleeper.wakeMs <= nowMs).sort((a, b) => a.wakeMs - b.wakeMs);
      for (const sleeper of due) sleeper.wake();
    },
    untilSleeping: (milliseconds) =>
      new Promise((resolve) => {
        const watcher = () => {
          if (![...sleepers].some((sleeper) => sleeper.wakeMs - nowMs === milliseconds)) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
        watcher();
      }),
  };
}
