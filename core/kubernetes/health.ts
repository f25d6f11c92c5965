/** How following goes, for whoever runs the agent: the log, the counters, and whether the first lists are through. */

import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { FollowReport } from './follow.ts';
import { type NeededResource, permissionError } from './permission.ts';
import type { ResourceName } from './resource.ts';

/** A cluster that stays away is spoken of this often. */
const REMIND_MS = 300_000;

/** `synced`: every list was complete once. `incomplete`: the others are, some are forbidden. `timeout`: neither yet. */
export type SyncResult = 'synced' | 'incomplete' | 'timeout';

export interface Health extends FollowReport {
  /** Resolves when every resource was listed once or is forbidden, after the timeout, or when the signal aborts. */
  waitForSync(timeoutMs: number, signal?: AbortSignal): Promise<SyncResult>;
  /** Resources that the account may not read, until they are granted. */
  readonly forbidden: ReadonlySet<ResourceName>;
  /** True while some request has failed and not yet worked again. */
  readonly failing: boolean;
}

export function createHealth(
  needed: readonly NeededResource[],
  { logger, clock, metrics }: { readonly logger: Logger; readonly clock: Clock; readonly metrics: MetricRegistry },
): Health {
  const failures = metrics.counter({
    name: 'otelcol_kubernetes_request_failures_total',
    help: 'Requests to the Kubernetes API that failed, by resource, verb and reason; all are tried again.',
  });
  const listed = new Set<ResourceName>();
  const forbidden = new Set<ResourceName>();
  const failing = new Set<ResourceName>();
  let sinceMs = 0;
  let spokenMs = Number.NEGATIVE_INFINITY;
  let settle: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });

  function settleWhenDone(): void {
    if (needed.every(({ name }) => listed.has(name) || forbidden.has(name))) settle();
  }

  function result(): SyncResult {
    if (needed.every(({ name }) => listed.has(name))) return 'synced';
    return needed.every(({ name }) => listed.has(name) || forbidden.has(name)) ? 'incomplete' : 'timeout';
  }

  return {
    forbidden,
    get failing() {
      return failing.size > 0;
    },
    async waitForSync(timeoutMs, signal) {
      const waiting = new AbortController();
      const stop = signal === undefined ? waiting.signal : AbortSignal.any([signal, waiting.signal]);
      await Promise.race([settled, clock.sleep(timeoutMs, stop)]);
      waiting.abort();
      return result();
    },
    listed(resource, objects) {
      const again = listed.has(resource);
      listed.add(resource);
      logger.debug('listed from the Kubernetes API', { resource, objects, again });
      settleWhenDone();
    },
    worked(resource) {
      if (forbidden.delete(resource))
        logger.info('the Kubernetes account may now read what it could not', { resource });
      if (!failing.delete(resource) || failing.size > 0) return;
      const seconds = Math.round((clock.monotonicMs() - sinceMs) / 1000);
      if (spokenMs >= sinceMs) logger.info('the Kubernetes API answers again', { after: `${seconds}s` });
    },
    failed(resource, verb, failure) {
      failures.add(1, { resource, verb, reason: failure.reason });
      const { reason } = failure;
      if (reason === 'forbidden') {
        if (!forbidden.has(resource)) {
          const error = permissionError(verb, needed.find(({ name }) => name === resource)!, needed, failure.message);
          logger.error(error.report());
        }
        forbidden.add(resource);
        settleWhenDone();
        return;
      }
      if (failing.size === 0) sinceMs = clock.monotonicMs();
      failing.add(resource);
      if (clock.monotonicMs() - spokenMs < REMIND_MS) return;
      // That a version is too old is the API's everyday life.
      const log = reason === 'gone' ? logger.debug : logger.warn;
      log('the Kubernetes API fails; names known so far stay in use', {
        resource,
        verb,
        reason,
        error: failure.message,
      });
      if (reason !== 'gone') spokenMs = clock.monotonicMs();
    },
  };
}
