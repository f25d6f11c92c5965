/** `weir components`: what this build has, as YAML in the Collector's form. Deprecated aliases are not listed. */

import { stringify } from 'yaml';
import type { Component, ComponentKind } from '../core/component/define.ts';
import { sourceSchemes } from '../core/config/sources.ts';
import { build, type Command } from './command.ts';

const module = `${build.command} v${build.version}`;

export const components: Command = {
  summary: 'list the components of this build',
  takesConfig: false,
  async run({ components, print }) {
    const { command, description, version } = build;
    const listOf = (kind: ComponentKind) =>
      components
        .filter((one) => one.kind === kind)
        .sort(byType)
        .map(entryOf);
    print(
      stringify({
        buildinfo: { command, description, version },
        receivers: listOf('receiver'),
        processors: listOf('processor'),
        exporters: listOf('exporter'),
        connectors: [],
        extensions: listOf('extension'),
        providers: sourceSchemes.map((scheme) => ({ scheme, module })),
      }),
    );
  },
};

function entryOf({ kind, type, stability }: Component) {
  const level = stability.charAt(0).toUpperCase() + stability.slice(1);
  if (kind === 'extension') return { name: type, module, stability: { extension: level } };
  return { name: type, module, stability: { logs: 'Undefined', metrics: level, traces: 'Undefined' } };
}

const byType = (a: Component, b: Component) => (a.type < b.type ? -1 : 1);
