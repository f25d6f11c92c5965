/** `weir`: runs the configuration until a signal asks it to stop, then drains. A second signal ends it at once. */

import { startService } from '../core/pipeline/service.ts';
import { build, type Command, configOf } from './command.ts';

/** As long as a timer can be: it only keeps the process alive when nothing else happens to. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

export const run: Command = {
  summary: 'run a configuration until SIGINT or SIGTERM',
  takesConfig: true,
  async run(call) {
    const config = configOf(call);
    const signal = firstSignal();
    const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    try {
      const service = await startService(config, { build, write: call.complain });
      await signal.received;
      await service.stop();
    } finally {
      clearInterval(keepAlive);
      signal.ignore();
    }
  },
};

/**
 * Ctrl-C under `npm start` arrives twice, from the terminal and from npm: only a signal this much later than the first
 * means that the user does not want to wait for the drain.
 */
const REPEATED_SIGNAL_MS = 1000;

/** Watches from before the start on, so that a signal during a long start is not lost: it stops what has started. */
function firstSignal() {
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
