/** A sending queue whose server is the test: payloads are single values, and each attempt waits for its answer. */

import type { SendingConfig } from '../../core/queue/schema.ts';
import { createSendingExporter } from '../../core/queue/sending-queue.ts';
import type { Delivery, Payload } from '../../core/queue/transport.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { isMetricTable } from '../../core/table/resource-metrics.ts';
import { createManualClock } from './manual-clock.ts';
import { tableOf } from './metric-tables.ts';
import { createRecordingHost } from './recording-host.ts';

export const TIMEOUT_MS = 7000;

interface Overrides {
  readonly retry?: Partial<SendingConfig['retry_on_failure']>;
  readonly queue?: Partial<SendingConfig['sending_queue']>;
}

export const sendingConfig = ({ retry, queue }: Overrides = {}): SendingConfig => ({
  timeout: TIMEOUT_MS,
  retry_on_failure: {
    enabled: true,
    initial_interval: 1000,
    randomization_factor: 0,
    multiplier: 2,
    max_interval: 3000,
    max_elapsed_time: 60_000,
    ...retry,
  },
  sending_queue: { enabled: true, num_consumers: 1, queue_size: 3, ...queue },
});

export const accepted: Delivery = { outcome: 'accepted', rejectedPoints: 0, message: '' };
export const unavailable = { outcome: 'retryable', error: 'unavailable' } as const satisfies Delivery;

/** One point with this value, so that what arrives can be told apart. */
export const windowOf = (value: number): readonly MetricTable[] => [tableOf([{ attributes: {}, value }])];

export type Attempt = { readonly value: number; answer(delivery: Delivery): void; readonly signal: AbortSignal };

export function createQueueHarness(overrides?: Overrides) {
  const clock = createManualClock();
  const host = createRecordingHost('otlp_grpc', clock);
  const attempts: Attempt[] = [];
  const watchers: (() => void)[] = [];
  let stops = 0;
  const exporter = createSendingExporter(host, sendingConfig(overrides), {
    transport: {
      async stop() {
        stops++;
      },
      send: (payload: Payload, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('cut off')));
          attempts.push({ value: payload.body[0] ?? -1, answer: resolve, signal });
          for (const watcher of watchers.splice(0)) watcher();
        }),
    },
    openEncoder: () =>
      async function* (tables) {
        for (const table of tables.filter(isMetricTable)) {
          for (const value of table.values) yield { body: Uint8Array.of(value), points: 1 };
        }
      },
  });
  /** The next attempt that was not asked for yet. */
  let seen = 0;
  const nextAttempt = async (): Promise<Attempt> => {
    if (attempts.length <= seen) await new Promise<void>((resolve) => watchers.push(resolve));
    return attempts[seen++]!;
  };
  /** Lets everything that is ready run. */
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const count = (name: string) => host.metric(`otelcol_exporter_${name}`);
  return { host, clock, exporter, attempts, nextAttempt, settle, count, stops: () => stops };
}
