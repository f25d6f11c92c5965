/** `weir print-config`: the configuration as it was understood: merged, expanded, defaults filled in, secrets redacted. */

import { stringify } from 'yaml';
import { printBlock } from '../core/config/block.ts';
import { printTelemetry } from '../core/config/telemetry.ts';
import type { ComponentInstance, ResolvedConfig } from '../core/config/types.ts';
import { type Command, configOf } from './command.ts';

export const printConfig: Command = {
  summary: 'print the resolved configuration, secrets redacted',
  takesConfig: true,
  async run(call) {
    call.print(stringify(printable(configOf(call))));
  },
};

function printable(config: ResolvedConfig) {
  const { receivers, processors, exporters, extensions, usedExtensions, pipelines, telemetry } = config;
  const listed = pipelines.map(({ id, receivers, processors, exporters }) => [
    id,
    { receivers, processors, exporters },
  ]);
  return {
    receivers: section(receivers),
    processors: section(processors),
    exporters: section(exporters),
    ...(extensions.length === 0 ? {} : { extensions: section(extensions) }),
    service: {
      ...(usedExtensions.length === 0 ? {} : { extensions: usedExtensions }),
      pipelines: Object.fromEntries(listed),
      telemetry: printTelemetry(telemetry),
    },
  };
}

const section = (instances: readonly ComponentInstance[]) =>
  Object.fromEntries(instances.map(({ id, definition, config }) => [id, printBlock(definition.config, config)]));
