/**
 * Sends one payload until the server accepts it or there is a reason to give it up: it is refused for good, retries
 * are off or used up, or the exporter stops. Nothing is sent again after it was accepted.
 */

import { reportOf } from '../errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import { createBackoff } from './backoff.ts';
import type { RetryConfig } from './schema.ts';
import type { Delivery, Payload, Transport } from './transport.ts';

export interface DeliveryContext {
  readonly transport: Transport;
  readonly retry: RetryConfig;
  /** For one attempt; 0: no limit. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends waiting: one more attempt, then no other. */
  readonly stopping: AbortSignal;
  /** Ends attempts. */
  readonly cancelled: AbortSignal;
}

export type Result =
  | { readonly delivered: true; readonly rejectedPoints: number; readonly message: string }
  | {
      readonly delivered: false;
      readonly error: string;
      readonly retryWouldHelp: boolean;
      /** Given up because the exporter stops. */
      readonly interrupted: boolean;
    };

export async function deliver(payload: Payload, context: DeliveryContext): Promise<Result> {
  const { retry, clock, logger, stopping, cancelled } = context;
  const startMs = clock.monotonicMs();
  const nextWaitMs = createBackoff(retry);
  for (;;) {
    const delivery = await attempt(payload, context);
    if (delivery.outcome === 'accepted') return { ...delivery, delivered: true };
    if (delivery.outcome === 'permanent') return givenUp(`not retryable error: Permanent error: ${delivery.error}`);
    const throttleMs = delivery.throttleMs ?? 0;
    const error = throttleMs > 0 ? `Throttle (${seconds(throttleMs)}), error: ${delivery.error}` : delivery.error;
    if (stopping.aborted || cancelled.aborted) {
      return { ...givenUp(`interrupted due to shutdown: ${error}`), interrupted: true };
    }
    if (!retry.enabled) return { ...givenUp(error), retryWouldHelp: true };
    const waitMs = nextWaitMs(throttleMs);
    const elapsedMs = clock.monotonicMs() - startMs;
    if (retry.max_elapsed_time > 0 && elapsedMs + waitMs > retry.max_elapsed_time) {
      return givenUp(`no more retries left: ${error}`);
    }
    logger.info('Exporting failed. Will retry the request after interval.', { error, interval: seconds(waitMs) });
    await clock.sleep(waitMs, stopping);
  }
}

const givenUp = (error: string) => ({ delivered: false, error, retryWouldHelp: false, interrupted: false }) as const;

/** One attempt within the time limit. A timeout is retryable although the server may have taken the request. */
async function attempt(payload: Payload, context: DeliveryContext): Promise<Delivery> {
  const { transport, timeoutMs, clock, cancelled } = context;
  const ended = new AbortController();
  const timeout = new AbortController();
  if (timeoutMs > 0) {
    void clock.sleep(timeoutMs, ended.signal).then(() => {
      if (!ended.signal.aborted) timeout.abort();
    });
  }
  const delivery = await transport
    .send(payload, AbortSignal.any([timeout.signal, cancelled]))
    .catch((error: unknown): Delivery => ({ outcome: 'retryable', error: reportOf(error) }));
  ended.abort();
  if (delivery.outcome === 'accepted' || !timeout.signal.aborted) return delivery;
  return { outcome: 'retryable', error: `request is cancelled or timed out: no answer within ${seconds(timeoutMs)}` };
}

/** As upstream prints a duration: `5s`, `7.35s`. */
const seconds = (milliseconds: number): string => `${Number((milliseconds / 1000).toFixed(3))}s`;
