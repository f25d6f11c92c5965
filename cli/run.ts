/** `weir`: runs the configuration until a signal asks it to stop, then drains. A second signal ends it at once. */

import { startService } from '../core/pipeline/service.ts';
import { build, type Command, configOf } from './command.ts';
import { firstSignal } from './signal.ts';

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
