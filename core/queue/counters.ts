/** The self-metrics of an exporter: what happened to the points that were handed to it. */

import type { Host } from '../component/define.ts';

export interface ExporterCounters {
  /** Accepted by the other side. */
  sent(points: number): void;
  /** Given up after the queue had taken them. */
  sendFailed(points: number): void;
  /** Not taken: there was no room. */
  enqueueFailed(points: number): void;
}

export function exporterCounters(host: Pick<Host, 'id' | 'metrics'>): ExporterCounters {
  const labels = { exporter: host.id };
  const counter = (name: string, help: string) => {
    const counter = host.metrics.counter({ name: `otelcol_exporter_${name}_metric_points`, help });
    counter.add(0, labels);
    return (points: number) => counter.add(points, labels);
  };
  return {
    sent: counter('sent', 'Points that the other side accepted.'),
    sendFailed: counter('send_failed', 'Points that were given up or refused by the other side.'),
    enqueueFailed: counter('enqueue_failed', 'Points that found no room in the queue.'),
  };
}
