/** A host for one component under test: its log as entries, its self-metrics as text, its clock the test's. */

import type { Host } from '../../core/component/define.ts';
import { type Clock, systemClock } from '../../core/telemetry/clock.ts';
import type { LogFields, Logger, LogLevel } from '../../core/telemetry/log.ts';
import { createRegistry } from '../../core/telemetry/registry.ts';

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export interface RecordingHost extends Host {
  readonly log: LogEntry[];
  /** The value of a self-metric, with these labels as they are written or any; undefined when it was never set. */
  metric(name: string, labels?: string): number | undefined;
  /** Every self-metric, as it is scraped. */
  text(): string;
}

export function createRecordingHost(id: string, clock: Clock = systemClock): RecordingHost {
  const log: LogEntry[] = [];
  const metrics = createRegistry();
  const loggerWith = (bound: LogFields): Logger => {
    const record =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}) =>
        void log.push({ level, message, fields: { ...bound, ...fields } });
    return {
      debug: record('debug'),
      info: record('info'),
      warn: record('warn'),
      error: record('error'),
      with: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return {
    id,
    logger: loggerWith({}),
    metrics,
    clock,
    build: { command: 'weir', version: '0.1.0' },
    log,
    text: () => metrics.text(),
    metric(name, labels = '.*') {
      const line = metrics.text().match(new RegExp(`^${name}(?:\\{${labels}\\})? (\\S+)$`, 'm'));
      return line?.[1] === undefined ? undefined : Number(line[1]);
    },
  };
}
