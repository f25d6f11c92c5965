/** Time, injected so that tests need no sleeps. */

export interface Clock {
  /** Nanoseconds since the Unix epoch; steps when the host's time is set. */
  nowNs(): bigint;
  /** Milliseconds of a clock that never steps. */
  monotonicMs(): number;
  /** Resolves after the delay, or at once when the signal aborts; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** A longer delay would make a timer fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  // Not from performance.now(), which stands still while a laptop sleeps.
  nowNs: () => BigInt(Date.now()) * 1_000_000n,
  monotonicMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number) => {
        timer = setTimeout(
          () => (leftMs > MAX_TIMER_MS ? wait(leftMs - MAX_TIMER_MS) : done()),
          Math.min(leftMs, MAX_TIMER_MS),
        );
      };
      wait(delayMs);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
