/**
 * `weir`: runs the configuration until a signal asks it to stop, then drains. A second signal ends it at once. SIGHUP
 * has the configuration read anew: a right one takes the place of the one that runs, a wrong one is told and left.
 */

import type { ResolvedConfig } from '../core/config/types.ts';
import { reportOf, WeirError } from '../core/errors.ts';
import { startService } from '../core/pipeline/service.ts';
import { checkedConfigOf } from './checked.ts';
import { build, type Call, type Command, configOf } from './command.ts';
import { firstSignal, hangups } from './signal.ts';

/** As long as a timer can be: it only keeps the process alive when nothing else happens to. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

export const run: Command = {
  summary: 'run a configuration until SIGINT or SIGTERM; SIGHUP reads it anew',
  takesConfig: true,
  async run(call) {
    const config = configOf(call);
    const signal = firstSignal();
    const hangup = hangups();
    const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    try {
      const service = await startService(config, { build, write: call.complain });
      const stops = signal.received.then(() => 'stop' as const);
      while ((await Promise.race([stops, hangup.next()])) !== 'stop') {
        const next = await reread(call);
        if (next !== undefined) await service.replace(next);
      }
      await service.stop();
    } finally {
      clearInterval(keepAlive);
      signal.ignore();
      hangup.ignore();
    }
  },
};

/** Undefined, and told, where the configuration is wrong. */
async function reread(call: Call): Promise<ResolvedConfig | undefined> {
  try {
    return await checkedConfigOf(call);
  } catch (error) {
    if (!(error instanceof WeirError) && !(error instanceof AggregateError)) throw error;
    call.complain(`${reportOf(error)}\nThe new configuration is wrong: the one before it goes on.\n`);
    return undefined;
  }
}
