/** `weir validate`: loads the configuration and builds the graph, and starts nothing. Silent when all is well. */

import { buildGraph } from '../core/pipeline/build.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { createLogger } from '../core/telemetry/log.ts';
import { createRegistry } from '../core/telemetry/registry.ts';
import { build, type Command, configOf } from './command.ts';
import { timeOf } from './time.ts';

export const validate: Command = {
  summary: 'check a configuration without touching the kernel; silent when it is right',
  takesConfig: true,
  options: {
    estimate: { value: 'TIME', help: "then run it for this long without exporters: series of this host's traffic" },
  },
  async run(call) {
    const durationMs = call.options.estimate === undefined ? undefined : timeOf('estimate', call.options.estimate);
    const config = configOf(call);
    buildGraph(config, {
      build,
      clock: systemClock,
      logger: createLogger({ level: 'error', write: call.complain }),
      metrics: createRegistry(),
    });
    if (durationMs === undefined) return;
    const { estimate } = await import('./estimate.ts');
    call.print(await estimate(config, durationMs, call.complain));
  },
};
