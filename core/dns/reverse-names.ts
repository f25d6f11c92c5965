/**
 * Names of addresses, looked up behind everybody's back: whoever asks gets what is known now, and hears when more is
 * known. Answers are kept for a time, also that there is none; look-ups at once, waiting addresses and kept answers have
 * limits.
 */

import type { Clock } from '../telemetry/clock.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { PointerAnswer, PointerLookup } from './pointer-lookup.ts';

export interface ReverseNames {
  /** Looks nothing up that is known, waits or is under way. */
  ask(address: string): Known;
  /**
   * Calls back with each address whose answer has come, and with what is known now; it may not be kept for long. Gives the
   * function that ends it.
   */
  onAnswer(callback: (address: string, known: Known) => void): () => void;
  close(): Promise<void>;
}

export interface Known {
  readonly name: string | undefined;
  /** When to ask again, on the monotonic clock; Infinity: when the answer has come. */
  readonly askAgainMs: number;
}

export interface ReverseNamesOptions {
  readonly lookup: PointerLookup;
  readonly clock: Clock;
  readonly metrics: MetricRegistry;
  /** For the label of the metrics. */
  readonly processor: string;
  /** Answers that are kept; also the most addresses that wait. */
  readonly maxEntries: number;
  readonly expiryMs: number;
  readonly negativeExpiryMs: number;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
}

/** Then there is room in the queue again, or the servers are too slow for this host. */
const REFUSED_RETRY_MS = 10_000;

export function createReverseNames(options: ReverseNamesOptions): ReverseNames {
  const { lookup, clock, maxEntries, expiryMs, negativeExpiryMs, timeoutMs, maxInFlight } = options;
  /** The least recently asked first. */
  const entries = new Map<string, Known>();
  const waiting = new Set<string>();
  const inFlight = new Map<string, Promise<void>>();
  const callbacks = new Set<(address: string, known: Known) => void>();
  const closing = new AbortController();
  const count = countersOf(options, () => ({ cached: entries.size, waiting: waiting.size, in_flight: inFlight.size }));

  function sendNext(): void {
    for (const address of waiting) {
      if (inFlight.size >= maxInFlight || closing.signal.aborted) return;
      waiting.delete(address);
      inFlight.set(address, lookUp(address));
    }
  }

  async function lookUp(address: string): Promise<void> {
    const answer = await answerInTime(address);
    inFlight.delete(address);
    if (closing.signal.aborted) return;
    count.answered(answer.result);
    const known = keep(address, answer);
    sendNext();
    for (const callback of callbacks) callback(address, known);
  }

  async function answerInTime(address: string): Promise<PointerAnswer> {
    const answered = new AbortController();
    const late = clock
      .sleep(timeoutMs, AbortSignal.any([answered.signal, closing.signal]))
      .then((): PointerAnswer => ({ result: 'timeout' }));
    const answer = await Promise.race([lookup.lookUp(address), late]);
    answered.abort();
    return answer;
  }

  function keep(address: string, answer: PointerAnswer): Known {
    const before = entries.get(address)?.name;
    // A server that is away for a while takes no names away.
    const name = answer.result === 'name' ? answer.name : answer.result === 'none' ? undefined : before;
    const lifeMs = answer.result === 'name' ? expiryMs : negativeExpiryMs;
    const known = { name, askAgainMs: clock.monotonicMs() + lifeMs };
    entries.delete(address);
    entries.set(address, known);
    const [oldest = ''] = entries.size > maxEntries ? entries.keys() : [];
    entries.delete(oldest);
    return known;
  }

  return {
    ask(address) {
      const entry = entries.get(address);
      const nowMs = clock.monotonicMs();
      if (entry !== undefined) {
        entries.delete(address);
        entries.set(address, entry);
        if (entry.askAgainMs > nowMs) return entry;
      }
      const name = entry?.name;
      if (waiting.has(address) || inFlight.has(address)) return { name, askAgainMs: Infinity };
      if (waiting.size >= maxEntries) {
        count.refused();
        return { name, askAgainMs: nowMs + REFUSED_RETRY_MS };
      }
      waiting.add(address);
      sendNext();
      return { name, askAgainMs: Infinity };
    },
    onAnswer(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    async close() {
      closing.abort();
      waiting.clear();
      lookup.cancel();
      await Promise.all(inFlight.values());
    },
  };
}

function countersOf(
  { metrics, processor }: ReverseNamesOptions,
  sizes: () => Readonly<Record<'cached' | 'waiting' | 'in_flight', number>>,
) {
  const lookups = metrics.counter({
    name: 'otelcol_reverse_dns_lookups_total',
    help: 'Look-ups that ended, by result: a name, none (there is no name), timeout, failed.',
  });
  const refused = metrics.counter({
    name: 'otelcol_reverse_dns_refused_total',
    help: 'Addresses that were not looked up, by reason; they are asked for again while they have traffic.',
  });
  const addresses = metrics.gauge({
    name: 'otelcol_reverse_dns_addresses',
    help: 'Addresses whose answer is cached, that wait to be looked up, and that are being looked up (in_flight).',
  });
  refused.add(0, { processor, reason: 'queue_full' });
  metrics.onScrape(() => {
    for (const [state, size] of Object.entries(sizes())) addresses.set(size, { processor, state });
  });
  return {
    answered: (result: PointerAnswer['result']) => lookups.add(1, { processor, result }),
    refused: () => refused.add(1, { processor, reason: 'queue_full' }),
  };
}
