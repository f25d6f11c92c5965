/**
 * Runs a receiver's tables through its pipelines: flows through the processors, then metric tables to the exporters.
 * What fails in one pipeline is logged and counted there; the other pipelines and the process go on.
 */

import type { Consumer, Exporter, FilteredRows } from '../component/define.ts';
import { placesInAll } from '../table/select-rows.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { createDeparture } from './departure.ts';
import { createLosses } from './losses.ts';
import type { Releaser } from './release.ts';
import type { Room } from './room.ts';
import { settleTogether } from './settle.ts';
import { type Outcome, runSteps, type Step } from './steps.ts';

export interface Pipeline {
  readonly id: string;
  /** In order; behind the last one there are only metric tables. */
  readonly processors: readonly Step[];
  /** Ids of exporters. */
  readonly exporters: readonly string[];
  /** Present when one of the processors holds tables back. */
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

  return {
    hasRoom,
    async waitForRoom(signal) {
      while (!hasRoom() && !signal.aborted) await room.next(signal);
    },
    consume(table, onSettled) {
      let failure: unknown;
      const outcomes = new Map<Pipeline, Outcome>();
      for (const pipeline of pipelines) {
        try {
          outcomes.set(pipeline, runSteps(pipeline.processors, [table]));
        } catch (error) {
          failure = error;
          lost(pipeline.id, [table], error);
        }
      }
      if (outcomes.size === 0) throw failure;
      const part = settleTogether(onSettled ?? (() => undefined));
      // Open until all exporters were asked: some answer at once.
      const asking = part();
      for (const { releaser } of outcomes.keys()) releaser?.consumed(onSettled === undefined ? undefined : part);
      for (const [id, exporter] of behind) {
        // One call for all pipelines: the room that was asked for is that of one call.
        const tables = [...outcomes].flatMap(([one, { metrics }]) => (one.exporters.includes(id) ? metrics : []));
        if (tables.length > 0) exportTo(id, exporter, tables, part());
      }
      asking('delivered');
      // A processor may also let go of rows that it held back from an earlier table: those are not of this one.
      const ofThisTable = ({ window }: FilteredRows) => window === table.window;
      const filtered = Array.from(outcomes.values(), (outcome) => joinedPlaces(outcome.filtered.filter(ofThisTable)));
      return placesInAll(filtered, table.rows);
    },
  };
}

/** A row is filtered once: behind the filter it is not there any more. */
function joinedPlaces(filtered: readonly FilteredRows[]): Uint32Array {
  const joined = new Uint32Array(filtered.reduce((sum, { places }) => sum + places.length, 0));
  let at = 0;
  for (const { places } of filtered) {
    joined.set(places, at);
    at += places.length;
  }
  return joined;
}
