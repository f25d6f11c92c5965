/** `weir validate`: loads the configuration and builds the graph, and starts nothing. Silent when all is well. */

import { checkedConfigOf } from './checked.ts';
import type { Command } from './command.ts';
import { timeOf } from './time.ts';

export const validate: Command = {
  summary: 'check a configuration without touching the kernel; silent when it is right',
  takesConfig: true,
  options: {
    estimate: { value: 'TIME', help: "then run it for this long without exporters: series of this host's traffic" },
  },
  async run(call) {
    const durationMs = call.options.estimate === undefined ? undefined : timeOf('estimate', call.options.estimate);
    const config = await checkedConfigOf(call);
    if (durationMs === undefined) return;
    const { estimate } = await import('./estimate.ts');
    call.print(await estimate(config, durationMs, call.complain));
  },
};
