/**
 * Takes requests into the pipelines, whole or not at all: a request that finds no room is refused before it is read, and
 * its sender keeps it. What was taken is never refused later.
 */

import type { Consumer, Host } from '../../core/component/define.ts';
import { WeirError } from '../../core/errors.ts';
import { createCumulativeToDelta } from '../../core/otlp/cumulative-to-delta.ts';
import { decodeProto } from '../../core/otlp/decode.ts';
import { decodeJson } from '../../core/otlp/decode-json.ts';
import type { DecodedMetric } from '../../core/otlp/decoded.ts';
import { type CompleteWindow, createFlowWindows, isFlowMetric, type Refusal } from '../../core/otlp/flow-windows.ts';
import type { ExportResponse } from '../../core/otlp/response.ts';
import { createCounters, type Transport } from './counters.ts';

export type Encoding = 'proto' | 'json';

export type Taken =
  | { readonly outcome: 'taken'; readonly response: ExportResponse }
  | { readonly outcome: 'malformed'; readonly message: string }
  | { readonly outcome: 'no_room'; readonly message: string };

interface TakenWindow extends CompleteWindow {
  readonly transport: Transport;
}

export interface Intake {
  /** False: every request would be refused, so its body need not be read. */
  hasRoom(): boolean;
  /** Counts a request that was refused because of that, and gives the answer. */
  refuse(transport: Transport): Taken;
  take(body: Uint8Array, encoding: Encoding, transport: Transport): Taken;
  /** Hands over what is left, room or not. */
  stop(): Promise<void>;
}

const everything: ExportResponse = { rejectedPoints: 0, message: '' };

export function createIntake(host: Host, consumer: Consumer): Intake {
  const { logger, clock } = host;
  const counters = createCounters(host);
  let refusals: { points: number; reason: Refusal }[] = [];
  const windows = createFlowWindows({
    complete: 'end',
    onRefused(points, reason, metric) {
      refusals.push({ points, reason });
      counters.explain(reason, metric);
    },
  });
  const toDelta = createCumulativeToDelta({ sinceNs: clock.nowNs(), onPoint: counters.cumulative });
  const waiting = createWaiting(consumer, handOver);

  /** False: no pipeline took it. */
  function handOver({ transport, table, points }: TakenWindow): boolean {
    try {
      consumer.consume({ ...table, received: true });
      counters.accepted(transport, points);
      return true;
    } catch (error) {
      counters.failed(transport, points);
      logger.error('No pipeline took the flows of a request; they are lost.', { rows: table.rows, error });
      return false;
    }
  }

  function takeMetrics(metrics: readonly DecodedMetric[], transport: Transport): ExportResponse {
    const points = metrics.reduce((sum, metric) => sum + metric.points.length + metric.unread, 0);
    refusals = [];
    windows.add(metrics.map((metric) => (isFlowMetric(metric.name) ? toDelta(metric) : metric)));
    const refused = refusals.reduce((sum, refusal) => sum + refusal.points, 0);
    const reasons = new Set<string>(refusals.map(({ reason }) => reason));
    const [first, ...others] = windows.end().map((window): TakenWindow => ({ ...window, transport }));
    // What is in no window is in another point already, or no difference.
    const inWindows = [first, ...others].reduce((sum, window) => sum + (window?.points ?? 0), 0);
    counters.accepted(transport, points - refused - inWindows);
    counters.refused(transport, refused);
    // The first of them has the room that was asked for.
    const lost = first === undefined || handOver(first) ? 0 : first.points;
    waiting.push(others);
    if (refused + lost === 0) return everything;
    if (lost > 0) reasons.add('a processor failed');
    return { rejectedPoints: refused + lost, message: `points are left out: ${[...reasons].join('; ')}` };
  }

  const hasRoom = () => waiting.isEmpty() && consumer.hasRoom();
  const refuse = (transport: Transport): Taken => {
    counters.noRoom(transport);
    return { outcome: 'no_room', message: 'no exporter has room: send it again later' };
  };

  return {
    hasRoom,
    refuse,
    take(body, encoding, transport) {
      if (body.length === 0 && encoding === 'proto') return { outcome: 'taken', response: everything };
      if (!hasRoom()) return refuse(transport);
      let metrics: readonly DecodedMetric[];
      try {
        metrics = encoding === 'proto' ? decodeProto(body) : decodeJson(Buffer.from(body).toString());
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        counters.malformed(transport, error);
        return { outcome: 'malformed', message: error.message };
      }
      return { outcome: 'taken', response: takeMetrics(metrics, transport) };
    },
    stop: () => waiting.stop(),
  };
}

/** Windows of one request beyond the first, until there is room for each. Meanwhile no request is taken. */
function createWaiting(consumer: Consumer, handOver: (window: TakenWindow) => boolean) {
  const windows: TakenWindow[] = [];
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  function handOverWhileRoom(): void {
    while (windows.length > 0 && consumer.hasRoom()) handOver(windows.shift()!);
  }
  async function drain(): Promise<void> {
    while (windows.length > 0 && !stopping.signal.aborted) {
      await consumer.waitForRoom(stopping.signal);
      if (!stopping.signal.aborted) handOverWhileRoom();
    }
  }

  return {
    isEmpty: () => windows.length === 0,
    push(more: readonly TakenWindow[]): void {
      windows.push(...more);
      handOverWhileRoom();
      if (windows.length > 0) running = drain();
    },
    async stop() {
      stopping.abort();
      await running;
      // An exporter without room counts them.
      for (const window of windows.splice(0)) handOver(window);
    },
  };
}
