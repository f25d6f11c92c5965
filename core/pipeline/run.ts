/**
 * Runs a receiver's tables through its pipelines: flows through the processors, then metric tables to the exporters, and
 * metrics that are no flows by the same way.
 * What fails in one pipeline is logged and counted there; the other pipelines and the process go on.
 */

import type { Consumer, Exporter } from '../component/define.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { LeavingTable } from '../table/resource-metrics.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { createDeparture } from './departure.ts';
import { createLosses } from './losses.ts';
import type { Releaser } from './release.ts';
import type { Room } from './room.ts';
import { createRowOutcomes, type RowOutcomes } from './row-outcomes.ts';
import { settleTogether } from './settle.ts';
import { type HeldByStep, type Outcome, runHeld, runPipeline, runResourceMetrics, type Step } from './steps.ts';

export interface Pipeline {
  readonly id: string;
  /** In order; behind the last one there are only metric tables. */
  readonly processors: readonly Step[];
  /** Ids of exporters. */
  readonly exporters: readonly string[];
  /** Present when one of the processors holds points back. */
  readonly releaser?: Releaser;
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
  const lost = createLosses(logger, metrics);
  const exportTo = createDeparture(logger, metrics);

  /** One call an exporter for all pipelines: the room that was asked for is that of one call. */
  function sendOn(made: ReadonlyMap<Pipeline, readonly LeavingTable[]>, part: Part): void {
    for (const [id, exporter] of behind) {
      const tables = [...made].flatMap(([{ exporters: ids }, tables]) => (ids.includes(id) ? tables : []));
      if (tables.length > 0) exportTo(id, exporter, tables, part());
    }
  }

  /** What each pipeline made that did not fail; throws where all of them did. */
  function throughEach<Made>(
    tables: readonly (FlowTable | LeavingTable)[],
    run: (pipeline: Pipeline) => Made,
  ): ReadonlyMap<Pipeline, Made> {
    let failure: unknown;
    const made = new Map<Pipeline, Made>();
    for (const pipeline of pipelines) {
      try {
        made.set(pipeline, run(pipeline));
      } catch (error) {
        failure = error;
        lost(pipeline.id, tables, error);
      }
    }
    if (made.size === 0) throw failure;
    return made;
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
        lost(pipeline.id, [one.rows.table], error);
      }
      if (outcome !== undefined) {
        pipeline.releaser?.consumed(part);
        sendOn(new Map([[pipeline, outcome.metrics]]), part);
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
      const outcomes = throughEach([table], ({ processors }) => runPipeline(processors, table));
      const part = settleTogether(onSettled);
      const rows = createRowOutcomes([...outcomes.values()], table.rows);
      // Open until all exporters were asked: some answer at once.
      const asking = part();
      for (const { releaser } of outcomes.keys()) releaser?.consumed(part);
      sendOn(new Map([...outcomes].map(([pipeline, { metrics }]) => [pipeline, metrics])), part);
      for (const [pipeline, { held }] of outcomes) for (const one of held) holdBack({ pipeline, one, part, rows });
      asking('delivered');
      return rows.notTaken;
    },
    passOn(tables, onSettled = () => undefined) {
      const made = throughEach(tables, ({ processors }) => runResourceMetrics(processors, tables));
      const part = settleTogether(onSettled);
      const asking = part();
      sendOn(made, part);
      asking('delivered');
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
