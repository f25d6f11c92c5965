/** The configuration keys of every exporter that sends through a queue: `timeout`, `retry_on_failure`, `sending_queue`. */

import type { ConfigProblem } from '../component/define.ts';
import { boolean, duration, nonNegativeInteger, number } from '../config/formats.ts';
import type { ConfigSchema } from '../config/schema.ts';

export interface RetryConfig {
  readonly enabled: boolean;
  /** Intervals and times in milliseconds. */
  readonly initial_interval: number;
  readonly randomization_factor: number;
  readonly multiplier: number;
  readonly max_interval: number;
  /** 0: for ever. */
  readonly max_elapsed_time: number;
}

export interface SendingConfig {
  /** Milliseconds for one attempt; 0: no limit. */
  readonly timeout: number;
  readonly retry_on_failure: RetryConfig;
  readonly sending_queue: {
    readonly enabled: boolean;
    readonly num_consumers: number;
    /** In requests: one is what one call to export brings. */
    readonly queue_size: number;
  };
}

export const sendingSchema = (timeout: string): ConfigSchema<SendingConfig> => ({
  timeout: { format: duration, default: timeout, doc: 'How long one attempt may take; `0` for no limit.' },
  retry_on_failure: {
    enabled: { format: boolean, default: true, doc: 'Send again what failed for a passing reason.' },
    initial_interval: { format: duration, default: '5s', doc: 'Wait before the second attempt.' },
    randomization_factor: {
      format: number,
      default: 0.5,
      doc: 'Each wait is shortened or lengthened by up to this share of it.',
    },
    multiplier: { format: number, default: 1.5, doc: 'Each wait is this many times the one before.' },
    max_interval: { format: duration, default: '30s', doc: 'The longest wait.' },
    max_elapsed_time: { format: duration, default: '5m', doc: 'Give up after this long; `0` for never.' },
  },
  sending_queue: {
    enabled: { format: boolean, default: true, doc: 'Keep requests while others are being sent.' },
    num_consumers: {
      format: nonNegativeInteger,
      default: 1,
      doc: 'Requests sent at the same time; with more than one, points of a series may arrive out of order.',
    },
    queue_size: {
      format: nonNegativeInteger,
      default: 1000,
      doc: 'Requests kept, those being sent included; one holds the tables of one window, or what one request brought that is no flow.',
    },
  },
});

/** What one key alone cannot tell, in upstream's words. */
export function sendingProblems(config: SendingConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const { retry_on_failure: retry, sending_queue: queue } = config;
  for (const key of ['num_consumers', 'queue_size'] as const) {
    if (queue.enabled && queue[key] === 0) {
      problems.push({ path: ['sending_queue', key], message: `\`${key}\` must be positive`, fix: 'write 1 or more' });
    }
  }
  if (!retry.enabled) return problems;
  const refuse = (key: keyof RetryConfig, message: string, fix: string) =>
    problems.push({ path: ['retry_on_failure', key], message, fix });
  for (const key of ['randomization_factor', 'multiplier'] as const) {
    if (retry[key] < 0) refuse(key, `${key} value must be greater than or equal to 0`, 'leave out the minus');
  }
  if (retry.randomization_factor > 1) {
    refuse('randomization_factor', 'randomization_factor value must be less than or equal to 1', 'write 0 to 1');
  }
  for (const key of ['initial_interval', 'max_interval'] as const) {
    if (retry.max_elapsed_time > 0 && retry.max_elapsed_time < retry[key]) {
      refuse('max_elapsed_time', `'max_elapsed_time' must not be less than '${key}'`, 'write 0 to retry for ever');
    }
  }
  return problems;
}
