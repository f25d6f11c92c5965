/** The structured log: levels, fields, console or JSON lines on standard error. */

import { reportOf } from '../errors.ts';
import { type Clock, systemClock } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;
export type LogEncoding = 'console' | 'json';

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Lines below this level are left out. Default info. */
  readonly level?: LogLevel;
  /** Default console: time, level, message and fields as JSON, parted by tabs, as a collector prints them. */
  readonly encoding?: LogEncoding;
  readonly clock?: Clock;
  /** Takes one line with its line end. Default standard error. */
  readonly write?: (line: string) => void;
}

const severity: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLogger(options: LoggerOptions = {}): Logger {
  const threshold = severity[options.level ?? 'info'];
  const clock = options.clock ?? systemClock;
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const encode = options.encoding === 'json' ? jsonLine : consoleLine;

  const loggerWith = (bound: LogFields): Logger => {
    const log = (level: LogLevel, message: string, fields?: LogFields) => {
      if (severity[level] < threshold) return;
      const time = new Date(Number(clock.nowNs() / 1_000_000n)).toISOString();
      write(`${encode(time, level, message, { ...bound, ...fields })}\n`);
    };
    return {
      debug: (message, fields) => log('debug', message, fields),
      info: (message, fields) => log('info', message, fields),
      warn: (message, fields) => log('warn', message, fields),
      error: (message, fields) => log('error', message, fields),
      with: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return loggerWith({});
}

function consoleLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const line = `${time}\t${level}\t${message}`;
  return Object.keys(fields).length === 0 ? line : `${line}\t${JSON.stringify(fields, jsonValue)}`;
}

function jsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ level, ts: time, msg: message, ...fields }, jsonValue);
}

/** What JSON cannot hold but a field may be: an error gives its report, a bigint its digits. */
function jsonValue(_key: string, value: unknown): unknown {
  if (value instanceof Error) return reportOf(value);
  return typeof value === 'bigint' ? value.toString() : value;
}
