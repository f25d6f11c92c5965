/** Checks a configuration as far as that goes without starting anything. */

import type { ResolvedConfig } from '../core/config/types.ts';
import { buildGraph } from '../core/pipeline/build.ts';
import { stopGraph } from '../core/pipeline/life.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { createLogger } from '../core/telemetry/log.ts';
import { createRegistry } from '../core/telemetry/registry.ts';
import { build, type Call, configOf } from './command.ts';

/** The configuration of a call, once a graph of it could be built. Rejects with every mistake. */
export async function checkedConfigOf(call: Call): Promise<ResolvedConfig> {
  const config = configOf(call);
  const logger = createLogger({ level: 'error', write: call.complain });
  const graph = buildGraph(config, { build, clock: systemClock, logger, metrics: createRegistry() });
  // Components may have asked for what they share with others.
  await stopGraph(graph, []);
  return config;
}
