/** Time, injected so that tests need no sleeps. */

export interface Clock {
  /** Nanoseconds since the Unix epoch; steps when the host's time is set. */
  nowNs(): bigint;
  /** Milliseconds of a clock that never steps. */
  monotonicMs(): number;
  /** Resolves after the delay, or at once when the signal aborts; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

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
      const timer = setTimeout(done, delayMs);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
