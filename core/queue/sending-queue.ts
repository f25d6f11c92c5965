/**
 * The queue between the pipelines and a server. It holds requests (one is what one call to export brings) in order, bounded
 * in number and memory, and sends them through a transport; a request that is being sent or waits for its next attempt
 * keeps its place. Without room the receiver does not collect, so a slow server makes windows longer and loses nothing.
 */

import type { Exporter, Host, Settlement } from '../component/define.ts';
import { reportOf } from '../errors.ts';
import { type LeavingTable, pointsOfAll } from '../table/resource-metrics.ts';
import { type ExporterCounters, exporterCounters } from './counters.ts';
import { type DeliveryContext, deliver, type Result } from './deliver.ts';
import { HeldMemory } from './held-memory.ts';
import type { SendingConfig } from './schema.ts';
import type { PayloadEncoder, Transport } from './transport.ts';

/**
 * Tables that hold more than this leave no room for another request. Reaching it loses nothing: the receiver waits.
 * A single larger request is taken when the queue is empty.
 */
export const QUEUE_MEMORY_BYTES = 64 * 1024 * 1024;

/** A stop gives up what is still unsent after this time; orchestrators kill after 30 s and other parts stop too. */
export const DRAIN_TIMEOUT_MS = 10_000;

export interface SendingParts {
  readonly transport: Transport;
  /** Called once for each consumer: an encoder works on one request at a time. */
  openEncoder(): PayloadEncoder;
}

interface Request {
  readonly tables: readonly LeavingTable[];
  readonly points: number;
  readonly onSettled: (settlement: Settlement) => void;
}

export function createSendingExporter(host: Host, config: SendingConfig, parts: SendingParts): Exporter {
  const queue = new SendingQueue(host, config, parts);
  return {
    start: async () => parts.transport.start?.(),
    stop: () => queue.stop(),
    hasRoom: () => queue.hasRoom(),
    onRoom: (callback) => queue.onRoom(callback),
    export: (tables, onSettled = () => undefined) => queue.offer(tables, onSettled),
  };
}

class SendingQueue {
  readonly #host: Host;
  readonly #parts: SendingParts;
  readonly #enabled: boolean;
  readonly #capacity: number;
  readonly #consumers: number;
  readonly #delivery: DeliveryContext;
  readonly #counters: ExporterCounters;

  readonly #waiting: Request[] = [];
  readonly #held = new HeldMemory();
  readonly #idleEncoders: PayloadEncoder[] = [];
  #sending = 0;

  readonly #roomCallbacks: (() => void)[] = [];
  #askedWithoutRoom = false;

  readonly #stopping = new AbortController();
  readonly #cancelled = new AbortController();
  #stopped: Promise<void> | undefined;
  #onIdle: () => void = () => {};

  constructor(host: Host, config: SendingConfig, parts: SendingParts) {
    const { enabled, num_consumers, queue_size } = config.sending_queue;
    this.#host = host;
    this.#parts = parts;
    this.#enabled = enabled;
    this.#capacity = enabled ? queue_size : 1;
    this.#consumers = enabled ? num_consumers : 1;
    this.#counters = exporterCounters(host);
    this.#delivery = {
      transport: parts.transport,
      retry: config.retry_on_failure,
      timeoutMs: config.timeout,
      clock: host.clock,
      logger: host.logger,
      stopping: this.#stopping.signal,
      cancelled: this.#cancelled.signal,
    };
    this.#publish();
  }

  hasRoom(): boolean {
    const size = this.#size;
    const room =
      !this.#stopping.signal.aborted && size < this.#capacity && (size === 0 || this.#held.bytes < QUEUE_MEMORY_BYTES);
    this.#askedWithoutRoom ||= !room;
    return room;
  }

  onRoom(callback: () => void): void {
    this.#roomCallbacks.push(callback);
  }

  offer(tables: readonly LeavingTable[], onSettled: Request['onSettled']): void {
    const points = pointsOfAll(tables);
    if (points === 0) {
      onSettled('delivered');
      return;
    }
    if (!this.hasRoom()) {
      this.#counters.enqueueFailed(points);
      const error = this.#stopping.signal.aborted ? 'the exporter has stopped' : 'sending queue is full';
      this.#host.logger.error('Exporting failed. Rejecting data.', { error, rejected_items: points });
      onSettled('given_up');
      return;
    }
    this.#held.add(tables);
    this.#waiting.push({ tables, points, onSettled });
    this.#pump();
  }

  /** Waiting retries get one more attempt and waiting requests one each, all within DRAIN_TIMEOUT_MS. */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    const drained = new AbortController();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#size === 0) resolve();
    }).then(() => drained.abort());
    await this.#host.clock.sleep(DRAIN_TIMEOUT_MS, drained.signal);
    this.#cancelled.abort();
    const rest = this.#waiting.splice(0);
    const points = rest.reduce((sum, request) => sum + request.points, 0);
    if (points > 0) this.#drop(points, 'interrupted due to shutdown: the queue was not empty in time', '');
    for (const { tables, onSettled } of rest) {
      this.#held.remove(tables);
      onSettled('interrupted');
    }
    await idle;
    await this.#parts.transport.stop?.();
  }

  get #size(): number {
    return this.#waiting.length + this.#sending;
  }

  #pump(): void {
    while (this.#sending < this.#consumers) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#sending++;
      void this.#consume(request);
    }
  }

  async #consume(request: Request): Promise<void> {
    const encoder = this.#idleEncoders.pop() ?? this.#parts.openEncoder();
    const settlement = await this.#send(request, encoder);
    this.#idleEncoders.push(encoder);
    this.#held.remove(request.tables);
    this.#sending--;
    request.onSettled(settlement);
    this.#pump();
    if (this.#size === 0) this.#onIdle();
    if (this.#askedWithoutRoom && this.hasRoom()) {
      this.#askedWithoutRoom = false;
      for (const callback of this.#roomCallbacks) callback();
    }
  }

  /** Accounts for every point of the request: sent or failed. */
  async #send(request: Request, encoder: PayloadEncoder): Promise<Settlement> {
    let left = request.points;
    let settlement: Settlement = 'delivered';
    let interrupted = false;
    const onOversized = (points: number) => {
      settlement = 'given_up';
      left -= points;
      this.#drop(points, `one datapoint size is greater than max size, dropping items: ${points}`, '');
    };
    try {
      for await (const payload of encoder(request.tables, onOversized)) {
        if (this.#cancelled.signal.aborted) break;
        const result = await deliver(payload, this.#delivery);
        left -= payload.points;
        this.#account(result, payload.points);
        interrupted ||= !result.delivered && result.interrupted;
        if (!result.delivered || result.rejectedPoints > 0) settlement = 'given_up';
      }
      if (left > 0) this.#drop(left, 'interrupted due to shutdown', '');
      return left > 0 || interrupted ? 'interrupted' : settlement;
    } catch (error) {
      this.#drop(left, reportOf(error), '');
      return 'given_up';
    }
  }

  #account(result: Result, points: number): void {
    if (!result.delivered) {
      const hint = result.retryWouldHelp
        ? ' Try enabling retry_on_failure config option to retry on retryable errors.'
        : '';
      this.#drop(points, result.error, hint);
      return;
    }
    const rejected = Math.min(Math.max(0, result.rejectedPoints), points);
    this.#counters.sent(points - rejected);
    if (rejected === 0 && result.message === '') return;
    this.#counters.sendFailed(rejected);
    this.#host.logger.warn('Partial success response', { message: result.message, dropped_data_points: rejected });
  }

  #drop(points: number, error: string, hint: string): void {
    this.#counters.sendFailed(points);
    const [verb, field, advice] = this.#enabled
      ? ['Dropping', 'dropped_items', hint]
      : ['Rejecting', 'rejected_items', ' Try enabling sending_queue to survive temporary failures.'];
    this.#host.logger.error(`Exporting failed. ${verb} data.${advice}`, { error, [field]: points });
  }

  #publish(): void {
    const { metrics, id } = this.#host;
    const gauge = (name: string, help: string) => metrics.gauge({ name: `otelcol_exporter_${name}`, help });
    const size = gauge('queue_size', 'Requests in the queue, those being sent included.');
    const capacity = gauge('queue_capacity', 'Requests that the queue can hold.');
    const inFlight = gauge('in_flight_requests', 'Requests being sent or waiting for their next attempt.');
    metrics.onScrape(() => {
      size.set(this.#size, { exporter: id });
      capacity.set(this.#capacity, { exporter: id });
      inFlight.set(this.#sending, { exporter: id });
    });
  }
}
