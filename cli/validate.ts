/** `weir validate`: loads the configuration and builds the graph, and starts nothing. Silent when all is well. */

import { buildGraph } from '../core/pipeline/build.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { createLogger } from '../core/telemetry/log.ts';
import { createRegistry } from '../core/telemetry/registry.ts';
import { build, type Command, configOf } from './command.ts';

export const validate: Command = {
  summary: 'check a configuration without touching the kernel; silent when it is right',
  takesConfig: true,
  async run(call) {
    buildGraph(configOf(call), {
      build,
      clock: systemClock,
      logger: createLogger({ level: 'error', write: call.complain }),
      metrics: createRegistry(),
    });
  },
};
