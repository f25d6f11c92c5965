/** The self-metrics of the receiver, upstream's where there are such, and what it says about requests. */

import type { Host } from '../../core/component/define.ts';
import type { WeirError } from '../../core/errors.ts';
import type { PointFate } from '../../core/otlp/cumulative-to-delta.ts';
import type { Refusal } from '../../core/otlp/flow-windows.ts';

export type Transport = 'grpc' | 'http';

/** Why a request was refused as a whole. */
type RequestRefusal = 'malformed' | 'no_room';

export interface Counters {
  accepted(transport: Transport, points: number): void;
  refused(transport: Transport, points: number): void;
  failed(transport: Transport, points: number): void;
  malformed(transport: Transport, error: WeirError): void;
  noRoom(transport: Transport): void;
  cumulative(fate: PointFate): void;
  /** Why points are left out; said once for each reason. */
  explain(reason: Refusal, metric: string): void;
}

const transports: readonly Transport[] = ['grpc', 'http'];
const fates: readonly PointFate[] = ['difference', 'base', 'old', 'reset'];
const requestRefusals: readonly RequestRefusal[] = ['malformed', 'no_room'];

export function createCounters({ id, metrics, logger }: Host): Counters {
  const points = (name: string, help: string) => {
    const counter = metrics.counter({ name: `otelcol_receiver_${name}_metric_points`, help });
    const add = (transport: Transport, amount: number) => counter.add(amount, { receiver: id, transport });
    for (const transport of transports) add(transport, 0);
    return add;
  };
  const refusedRequests = metrics.counter({
    name: 'otelcol_receiver_otlp_refused_requests_total',
    help: 'Requests that were refused as a whole: malformed, or no_room, which their sender keeps.',
  });
  const countRefusal = (transport: Transport, reason: RequestRefusal, amount = 1) =>
    refusedRequests.add(amount, { receiver: id, transport, reason });
  for (const transport of transports) for (const reason of requestRefusals) countRefusal(transport, reason, 0);
  const cumulativePoints = metrics.counter({
    name: 'otelcol_receiver_otlp_cumulative_points_total',
    help: 'Points of flow sums that grow: difference, base (first seen of an older sum), old, reset.',
  });
  for (const fate of fates) cumulativePoints.add(0, { receiver: id, fate });

  const said = new Set<string>();
  const once = (what: string, message: string, fields: Readonly<Record<string, unknown>>) => {
    if (said.has(what)) return;
    said.add(what);
    logger.warn(message, fields);
  };
  return {
    accepted: points('accepted', 'Points that were taken into the pipelines.'),
    refused: points('refused', 'Points that could not be taken into the pipelines.'),
    failed: points('failed', 'Points that were lost because no pipeline took them.'),
    malformed(transport, error) {
      countRefusal(transport, 'malformed');
      once('malformed', 'A request cannot be read; its sender is told. Later ones are counted only.', {
        transport,
        error: error.message,
      });
    },
    noRoom(transport) {
      countRefusal(transport, 'no_room');
      once('no room', 'No exporter has room: senders are told to come back, and keep what they have.', { transport });
    },
    cumulative: (fate) => cumulativePoints.add(1, { receiver: id, fate }),
    explain: (reason, metric) => once(reason, 'Points are left out.', { reason, metric }),
  };
}
