/**
 * Takes requests into the pipelines, whole or not at all: a request that finds no room is refused before it is read, and
 * its sender keeps it. What was taken is never refused later. Flows go as tables of their windows, all else as it came.
 */

import type { Consumer, Host } from '../../core/component/define.ts';
import { WeirError } from '../../core/errors.ts';
import { createCumulativeToDelta } from '../../core/otlp/cumulative-to-delta.ts';
import type { DecodedMetric } from '../../core/otlp/decoded.ts';
import { type CompleteWindow, createFlowWindows, type Refusal } from '../../core/otlp/flow-windows.ts';
import { partJson } from '../../core/otlp/part-json.ts';
import { type PartedRequest, partProto } from '../../core/otlp/part-proto.ts';
import type { ExportResponse } from '../../core/otlp/response.ts';
import { pointsOfAll, type ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { createCounters, type Transport } from './counters.ts';

export type Encoding = 'proto' | 'json';

export type Taken =
  | { readonly outcome: 'taken'; readonly response: ExportResponse }
  | { readonly outcome: 'malformed'; readonly message: string }
  | { readonly outcome: 'no_room'; readonly message: string };

/** By which protocol, and from which address; undefined for a connection without one. */
export interface Origin {
  readonly transport: Transport;
  readonly sender: string | undefined;
}

/** What takes one room: a window of flows, or all else of a request. */
interface Batch {
  readonly transport: Transport;
  readonly points: number;
  /** Throws where no pipeline took it. */
  give(): void;
}

export interface Intake {
  /** False: every request would be refused, so its body need not be read. */
  hasRoom(): boolean;
  /** Counts a request that was refused because of that, and gives the answer. */
  refuse(transport: Transport): Taken;
  take(body: Uint8Array, encoding: Encoding, origin: Origin): Taken;
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
  function handOver({ transport, points, give }: Batch): boolean {
    try {
      give();
      counters.accepted(transport, points);
      return true;
    } catch (error) {
      counters.failed(transport, points);
      logger.error('No pipeline took the points of a request; they are lost.', { points, error });
      return false;
    }
  }

  /** What of a request has to be handed over, and why some points are left out. */
  function batchesOf({ flows, others }: PartedRequest, transport: Transport) {
    const batches = windowsOf(flows, transport).map(
      ({ table, points }): Batch => ({
        transport,
        points,
        give: () => void consumer.consume({ ...table, received: true }),
      }),
    );
    if (others.length > 0) batches.push(passing(others, transport));
    return batches;
  }

  const passing = (tables: readonly ResourceMetricsTable[], transport: Transport): Batch => ({
    transport,
    points: pointsOfAll(tables),
    give: () => consumer.passOn(tables),
  });

  function windowsOf(metrics: readonly DecodedMetric[], transport: Transport): readonly CompleteWindow[] {
    refusals = [];
    windows.add(metrics.map(toDelta));
    const complete = windows.end();
    // What is in no window is in another point already, or no difference.
    const points = metrics.reduce((sum, metric) => sum + metric.points.length + metric.unread, 0);
    const inWindows = complete.reduce((sum, window) => sum + window.points, 0);
    const refused = refusals.reduce((sum, refusal) => sum + refusal.points, 0);
    counters.accepted(transport, points - refused - inWindows);
    counters.refused(transport, refused);
    return complete;
  }

  function takeRequest(request: PartedRequest, transport: Transport): ExportResponse {
    const [first, ...others] = batchesOf(request, transport);
    const refused = refusals.reduce((sum, refusal) => sum + refusal.points, 0);
    const reasons = new Set<string>(refusals.map(({ reason }) => reason));
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
    take(body, encoding, { transport, sender }) {
      if (body.length === 0 && encoding === 'proto') return { outcome: 'taken', response: everything };
      if (!hasRoom()) return refuse(transport);
      let request: PartedRequest;
      try {
        request = encoding === 'proto' ? partProto(body, sender) : partJson(Buffer.from(body).toString(), sender);
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        counters.malformed(transport, error);
        return { outcome: 'malformed', message: error.message };
      }
      return { outcome: 'taken', response: takeRequest(request, transport) };
    },
    stop: () => waiting.stop(),
  };
}

/** Batches of one request beyond the first, until there is room for each. Meanwhile no request is taken. */
function createWaiting(consumer: Consumer, handOver: (batch: Batch) => boolean) {
  const batches: Batch[] = [];
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  function handOverWhileRoom(): void {
    while (batches.length > 0 && consumer.hasRoom()) handOver(batches.shift()!);
  }
  async function drain(): Promise<void> {
    while (batches.length > 0 && !stopping.signal.aborted) {
      await consumer.waitForRoom(stopping.signal);
      if (!stopping.signal.aborted) handOverWhileRoom();
    }
  }

  return {
    isEmpty: () => batches.length === 0,
    push(more: readonly Batch[]): void {
      batches.push(...more);
      handOverWhileRoom();
      if (batches.length > 0) running = drain();
    },
    async stop() {
      stopping.abort();
      await running;
      // An exporter without room counts them.
      for (const batch of batches.splice(0)) handOver(batch);
    },
  };
}
