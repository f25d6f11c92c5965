/** The keys of `replay`. */

import { boolean, oneOf, text } from '../../core/config/formats.ts';
import { featureList, presetList } from '../../core/config/lists.ts';
import { type ConfigSchema, type Format, FormatError } from '../../core/config/schema.ts';
import type { NamingPreset } from '../../core/table/flow-table.ts';
import { type Feature, features } from '../../core/table/metrics.ts';

export interface ReplayConfig {
  readonly path: string;
  /** 1: as it was; 10: ten times as fast; Infinity: as fast as the pipelines take it. */
  readonly speed: number;
  readonly loop: boolean;
  readonly times: 'recorded' | 'now';
  readonly metric_names: readonly NamingPreset[];
  readonly features: readonly Feature[];
}

const speedWords: Readonly<Record<string, number>> = { real: 1, full: Infinity };

const speed: Format<number> = Object.assign(
  (value: unknown): number => {
    const factor = typeof value === 'string' ? (speedWords[value] ?? Number(value || Number.NaN)) : value;
    if (typeof factor === 'number' && factor > 0) return factor;
    throw new FormatError({ message: `unsupported value "${value}"`, fix: 'write real, full, or a number such as 10' });
  },
  { print: (factor: number) => (factor === 1 ? 'real' : factor === Infinity ? 'full' : factor) },
);

export const schema: ConfigSchema<ReplayConfig> = {
  path: {
    format: text,
    default: '',
    doc: 'Required: the file, as the `file` exporter or a collector wrote it; its format is found out.',
  },
  speed: {
    format: speed,
    default: 'real',
    doc: '`real`: each window is handed over when it was; `full`: as fast as the pipelines take them; a number: so many times as fast.',
  },
  loop: { format: boolean, default: false, doc: 'Begin anew at the end.' },
  times: {
    format: oneOf('recorded', 'now'),
    default: 'recorded',
    doc: '`recorded`: windows keep their times, and with `loop` each round comes after the one before; `now`: as if they were counted now.',
  },
  metric_names: {
    format: presetList,
    default: 'beyla',
    doc: 'Whose metric and attribute names leave, whatever the recording has: `beyla`, `obi`, `otel`, or a list of them.',
  },
  features: {
    format: featureList,
    default: [...features],
    doc: 'Which metrics are made: `network`, `network_flow_packets`, `network_inter_zone`, or `all`.',
  },
};
