/**
 * Runs a receiver's tables through its pipelines: flows through the processors, then metric tables to the exporters.
 * What fails in one pipeline is logged and counted there; the other pipelines and the process go on.
 */

import type { Consumer, Exporter, Settlement } from '../component/define.ts';
import { exporterCounters } from '../queue/counters.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { Room } from './room.ts';
import { createRowOutcomes, type RowOutcomes } from './row-outcomes.ts';
import { type HeldByStep, type Outcome, runHeld, runPipeline, type Step } from './run-pipeline.ts';

export interface Pipeline {
  readonly id: string;
  /** In order; behind the last one there are only metric tables. */
  readonly processors: readonly Step[];
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

  /** One call an exporter for all pipelines: the room that was asked for is that of one call. */
  function sendOn(outcomes: ReadonlyMap<Pipeline, Outcome>, part: Part): void {
    for (const [id, exporter] of behind) {
      const tables = [...outcomes].flatMap(([{ exporters: ids }, { metrics }]) => (ids.includes(id) ? metrics : []));
      if (tables.length > 0) exportTo(id, exporter, tables, part());
    }
  }

  const holding = new Set<() => void>();

  function holdBack({ pipeline, one, part, rows }: HeldTable): void {
    const gone = new AbortController();
    const settle = part();
    const letGo = () => {
      if (!holding.delete(letGo)) return;
      gone.abort();
      let outcome: Outcome | undefined;
      try {
        outcome = runHeld(pipeline.processors, one);
      } catch (error) {
        lost(pipeline.id, one.rows.table, error);
      }
      if (outcome !== undefined) {
        sendOn(new Map([[pipeline, outcome]]), part);
        for (const again of outcome.held) holdBack({ pipeline, one: again, part, rows });
      }
      rows.gone(one.rows, outcome);
      settle(outcome === undefined ? 'given_up' : 'delivered');
    };
    holding.add(letGo);
    const whenThereIsRoom = async () => {
      await one.rows.ready;
      const own = behind.filter(([id]) => pipeline.exporters.includes(id));
      while (!gone.signal.aborted && !own.some(([, exporter]) => exporter.hasRoom())) await room.next(gone.signal);
      letGo();
    };
    void whenThereIsRoom();
  }

  return {
    hasRoom,
    async waitForRoom(signal) {
      while (!hasRoom() && !signal.aborted) await room.next(signal);
    },
    consume(table, onSettled = () => undefined) {
      let failure: unknown;
      const outcomes = new Map<Pipeline, Outcome>();
      for (const pipeline of pipelines) {
        try {
          outcomes.set(pipeline, runPipeline(pipeline.processors, table));
        } catch (error) {
          failure = error;
          lost(pipeline.id, table, error);
        }
      }
      if (outcomes.size === 0) throw failure;
      const part = settleTogether(onSettled);
      const rows = createRowOutcomes([...outcomes.values()], table.rows);
      // Open until all exporters were asked: some answer at once.
      const asking = part();
      sendOn(outcomes, part);
      for (const [pipeline, { held }] of outcomes) for (const one of held) holdBack({ pipeline, one, part, rows });
      asking('delivered');
      return rows.notTaken;
    },
    release() {
      // What is let go of may be held back again, by the next processor.
      while (holding.size > 0) for (const letGo of [...holding]) letGo();
    },
  };
}

type Part = ReturnType<typeof settleTogether>;

interface HeldTable {
  readonly pipeline: Pipeline;
  readonly one: HeldByStep;
  readonly part: Part;
  readonly rows: RowOutcomes;
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
