/** `service.telemetry`: its schema, and what it means for the log and the self-metrics. */

import { listOf, printBlock } from './block.ts';
import { level, oneOf, text } from './formats.ts';
import { type ConfigSchema, type Format, FormatError } from './schema.ts';
import type { TelemetryConfig, TelemetryLevel } from './types.ts';

interface Reader {
  readonly pull: { readonly exporter: { readonly prometheus: { readonly host: string; readonly port: number } } };
}

export interface TelemetrySection {
  readonly logs: TelemetryConfig['logs'];
  readonly metrics: { readonly level: TelemetryLevel; readonly readers: readonly Reader[] };
}

/** Delivers a number of 1 to 65535, or 0 for any free port. */
const port: Format<number> = (value) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535) return value;
  throw new FormatError({ message: `invalid port ${JSON.stringify(value)}`, fix: 'a number from 0 to 65535' });
};

const readerSchema: ConfigSchema<Reader> = {
  pull: {
    exporter: {
      prometheus: {
        host: { doc: 'Address that /metrics is served at.', format: text, default: 'localhost' },
        port: { doc: 'Port that /metrics is served at; 0 takes a free one.', format: port, default: 8888 },
      },
    },
  },
};

export const telemetrySchema: ConfigSchema<TelemetrySection> = {
  logs: {
    level: {
      doc: 'Least important level that is logged.',
      format: level('debug', 'info', 'warn', 'error'),
      default: 'info',
    },
    encoding: { doc: 'Form of a line.', format: oneOf('console', 'json'), default: 'console' },
  },
  metrics: {
    level: {
      doc: 'How much is measured; none switches the self-metrics off.',
      format: level('none', 'basic', 'normal', 'detailed'),
      default: 'normal',
    },
    readers: { doc: 'One reader: where the self-metrics are served.', format: listOf(readerSchema), default: [{}] },
  },
};

/** What is wrong across the keys of the section, in upstream's words; undefined when nothing is. */
export function telemetryProblem({ metrics }: TelemetrySection): string | undefined {
  if (metrics.level === 'none') return undefined;
  if (metrics.readers.length === 0) {
    return 'collector telemetry metrics reader should exist when metric level is not none';
  }
  return metrics.readers.length > 1 ? 'more than one metrics reader is not supported' : undefined;
}

export function telemetryConfig({ logs, metrics }: TelemetrySection): TelemetryConfig {
  const { host, port } = metrics.readers[0]?.pull.exporter.prometheus ?? { host: 'localhost', port: 8888 };
  return { logs, metrics: { level: metrics.level, host, port } };
}

/** The section as a user would write it. */
export function printTelemetry({ logs, metrics }: TelemetryConfig): Record<string, unknown> {
  const { level, host, port } = metrics;
  return printBlock(telemetrySchema, {
    logs,
    metrics: { level, readers: [{ pull: { exporter: { prometheus: { host, port } } } }] },
  });
}
