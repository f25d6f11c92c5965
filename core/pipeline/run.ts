/**
 * Runs a receiver's tables through its pipelines: flows through the processors, then metric tables to the exporters.
 * What fails in one pipeline is logged and counted there; the other pipelines and the process go on.
 */

import type { Consumer, Exporter, FilteredRows, Processor, Settlement } from '../component/define.ts';
import { WeirError } from '../errors.ts';
import { exporterCounters } from '../queue/counters.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { placesInAll } from '../table/select-rows.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { Room } from './room.ts';

export interface Pipeline {
  readonly id: string;
  /** In order; behind the last one there are only metric tables. */
  readonly processors: readonly { readonly id: string; readonly processor: Processor }[];
  /** Ids of exporters. */
  readonly exporters: readonly string[];
}

export interface ConsumerParts {
  /** The pipelines that the receiver stands in. */
  readonly pipelines: readonly Pipeline[];
  /** At least those of the pipelines, by id. */
  readonly exporters: ReadonlyMap<string, Exporter>;
  readonly room: Room;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export function createConsumer({ pipelines, exporters, room, logger, metrics }: ConsumerParts): Consumer {
  const behind = [...exporters].filter(([id]) => pipelines.some((pipeline) => pipeline.exporters.includes(id)));
  const hasRoom = () => behind.some(([, exporter]) => exporter.hasRoom());
  const lost = lossCounter(logger, metrics);
  const exportTo = (
    id: string,
    exporter: Exporter,
    tables: readonly MetricTable[],
    onSettled: (settlement: Settlement) => void,
  ) => {
    try {
      exporter.export(tables, onSettled);
    } catch (error) {
      // A defect of that exporter: the others get their tables, and the receiver has delivered.
      const points = tables.reduce((sum, { ids }) => sum + ids.length, 0);
      exporterCounters({ id, metrics }).sendFailed(points);
      logger.error('Exporter failed on a window.', { 'otelcol.component.id': id, points, error });
      onSettled('given_up');
    }
  };

  return {
    hasRoom,
    async waitForRoom(signal) {
      while (!hasRoom() && !signal.aborted) await room.next(signal);
    },
    consume(table, onSettled = () => undefined) {
      let failure: unknown;
      const outcomes = new Map<string, Outcome>();
      for (const pipeline of pipelines) {
        try {
          outcomes.set(pipeline.id, runPipeline(pipeline, table));
        } catch (error) {
          failure = error;
          lost(pipeline.id, table, error);
        }
      }
      if (outcomes.size === 0) throw failure;
      const part = settleTogether(onSettled);
      // Open until all exporters were asked: some answer at once.
      const asking = part();
      for (const [id, exporter] of behind) {
        // One call for all pipelines: the room that was asked for is that of one call.
        const tables = pipelines.flatMap((one) =>
          one.exporters.includes(id) ? (outcomes.get(one.id)?.metrics ?? []) : [],
        );
        if (tables.length > 0) exportTo(id, exporter, tables, part());
      }
      asking('delivered');
      return placesInAll(Array.from(outcomes.values(), joinedPlaces), table.rows);
    },
  };
}

const fromWorst: readonly Settlement[] = ['interrupted', 'given_up', 'delivered'];

/** Each part is settled once; when all are that were asked for, the whole is as the worst of them. */
function settleTogether(onSettled: (settlement: Settlement) => void): () => (settlement: Settlement) => void {
  let open = 0;
  let worst: Settlement = 'delivered';
  return () => {
    open++;
    let settled = false;
    return (settlement) => {
      if (settled) return;
      settled = true;
      if (fromWorst.indexOf(settlement) < fromWorst.indexOf(worst)) worst = settlement;
      open--;
      if (open === 0) onSettled(worst);
    };
  };
}

/** What one pipeline made of a table. */
interface Outcome {
  readonly metrics: readonly MetricTable[];
  /** Of the rows of that very table: a processor may also let go of rows that it held back from an earlier one. */
  readonly filtered: readonly FilteredRows[];
}

function runPipeline({ processors }: Pipeline, table: FlowTable): Outcome {
  let flows: readonly FlowTable[] = [table];
  let metrics: readonly MetricTable[] = [];
  const filtered: FilteredRows[] = [];
  for (const { id, processor } of processors) {
    try {
      const made = flows.flatMap((one) => processor.flows?.(one) ?? [one]);
      flows = made.filter((one) => one.kind === 'flows');
      metrics = [...metrics, ...made.filter((one) => one.kind === 'metric')];
      filtered.push(...made.filter((one) => one.kind === 'filtered').filter(({ window }) => window === table.window));
      if (metrics.length > 0) metrics = processor.metrics?.(metrics) ?? metrics;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new WeirError('pipeline/failed', `processor "${id}" failed: ${message}`, { cause });
    }
  }
  return { metrics, filtered };
}

/** A row is filtered once: behind the filter it is not there any more. */
function joinedPlaces({ filtered }: Outcome): Uint32Array {
  const joined = new Uint32Array(filtered.reduce((sum, { places }) => sum + places.length, 0));
  let at = 0;
  for (const { places } of filtered) {
    joined.set(places, at);
    at += places.length;
  }
  return joined;
}

/** Says and counts what a pipeline lost when one of its processors failed. */
function lossCounter(logger: Logger, metrics: MetricRegistry) {
  const bytes = metrics.counter({
    name: 'otelcol_pipeline_lost_bytes_total',
    help: 'Bytes of flow tables that were lost in a pipeline because a processor failed.',
  });
  const packets = metrics.counter({
    name: 'otelcol_pipeline_lost_packets_total',
    help: 'Packets of flow tables that were lost in a pipeline because a processor failed.',
  });
  return (pipeline: string, { rows, measures }: FlowTable, error: unknown) => {
    const lost = { bytes: sum(measures.bytes), packets: sum(measures.packets) };
    bytes.add(lost.bytes, { pipeline });
    packets.add(lost.packets, { pipeline });
    logger.error('Pipeline lost a table.', { 'otelcol.pipeline.id': pipeline, rows, ...lost, error });
  };
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
