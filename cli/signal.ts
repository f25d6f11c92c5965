/**
 * The first SIGINT or SIGTERM asks for an orderly end, a second one ends the process at once; SIGHUP asks for the
 * configuration to be read anew.
 */

/**
 * Ctrl-C under `npm start` arrives twice, from the terminal and from npm: only a signal this much later than the first
 * means that the user does not want to wait for the drain.
 */
const REPEATED_SIGNAL_MS = 1000;

/** Watches from before the start on, so that a signal during a long start is not lost: it stops what has started. */
export function firstSignal() {
  let firstMs: number | undefined;
  let resolve: () => void = () => undefined;
  const received = new Promise<void>((done) => {
    resolve = done;
  });
  const listener = () => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (nowMs - firstMs > REPEATED_SIGNAL_MS) process.exit(1);
    resolve();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, listener);
  return {
    received,
    ignore: () => {
      for (const name of signals) process.off(name, listener);
    },
  };
}

/** Watches from before the start on: what comes while nobody waits is one wish, told to the next that does. */
export function hangups() {
  let wished = false;
  let tell: () => void = () => undefined;
  const listener = () => {
    wished = true;
    tell();
  };
  process.on('SIGHUP', listener);
  return {
    /** Resolves at the next wish. */
    async next() {
      if (!wished) {
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
      wished = false;
    },
    ignore: () => void process.off('SIGHUP', listener),
  };
}
