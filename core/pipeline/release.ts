/**
 * Lets go, in time, of what the processors of one pipeline hold back: when it is due and an exporter has room, and all of
 * it when everything ends. Who waits for what became of a table waits until nothing of it is held any more.
 */

import type { Exporter, Settlement } from '../component/define.ts';
import type { MetricTable } from '../table/metric-table.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { createDeparture } from './departure.ts';
import { createHolder, type Holder } from './holder.ts';
import { createLosses } from './losses.ts';
import type { Room } from './room.ts';
import { settleTogether } from './settle.ts';
import { runPoints, type Step } from './steps.ts';

type Settle = (settlement: Settlement) => void;

export interface Releaser {
  /**
   * After a table went through. `part` is asked for one more part of what becomes of that table, if the processors now
   * hold something; with tables of other receivers it may be settled later than its own rows were.
   */
  consumed(part: () => Settle): void;
  start(): void;
  /** Lets everything go: when no table comes any more, and before the processors stop. Safe before start and twice. */
  stop(): Promise<void>;
}

export interface ReleaserParts {
  readonly pipeline: string;
  readonly processors: readonly Step[];
  /** Of this pipeline, by id. */
  readonly exporters: ReadonlyMap<string, Exporter>;
  readonly room: Room;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** Between two releases, so that a processor that is always due does not keep everything else from running. */
const LEAST_GAP_MS = 10;
/** At the end an exporter that is full may take so long to have room; then it is given what it will count as refused. */
export const LAST_ROOM_PATIENCE_MS = 5000;

/** Undefined when no processor of the pipeline holds anything back. */
export function createReleaser(parts: ReleaserParts): Releaser | undefined {
  const { pipeline, processors, exporters, room, clock, logger, metrics } = parts;
  const log = logger.with({ 'otelcol.pipeline.id': pipeline });
  const holders = processors.flatMap(({ id, processor: { held } }, at) =>
    held === undefined ? [] : [createHolder({ id, held, at, clock, logger: log })],
  );
  if (holders.length === 0) return undefined;
  const exportTo = createDeparture(logger, metrics);
  const lost = createLosses(logger, metrics);
  const ending = new AbortController();
  let waiting: Waiting | undefined;
  let changed = new AbortController();
  let sleepingUntilMs = Infinity;
  let running: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;

  const dueMs = () => Math.min(...holders.map((holder) => holder.dueMs()));
  const holdsNothing = () => holders.every((holder) => holder.holdsNothing());
  const hasRoom = () => [...exporters.values()].some((exporter) => exporter.hasRoom());
  const until = async (reached: () => boolean, signal: AbortSignal) => {
    while (!reached() && !signal.aborted) await room.next(signal);
  };

  function letGo(holder: Holder, nowMs: number): readonly MetricTable[] {
    const released = holder.release(nowMs);
    try {
      return runPoints(processors.slice(holder.at + 1), released);
    } catch (error) {
      lost(pipeline, released, error);
      waiting?.part()('given_up');
      return [];
    }
  }

  function release(nowMs: number): void {
    const tables = holders.flatMap((holder) => letGo(holder, nowMs));
    const group = waiting;
    if (tables.length > 0) {
      for (const [id, exporter] of exporters) exportTo(id, exporter, tables, group?.part() ?? (() => undefined));
    }
    if (holdsNothing()) close('delivered');
  }

  function close(how: Settlement): void {
    waiting?.close(how);
    waiting = undefined;
  }

  async function run(): Promise<void> {
    let notBeforeMs = 0;
    while (!ending.signal.aborted) {
      sleepingUntilMs = Math.max(dueMs(), notBeforeMs);
      const delayMs = sleepingUntilMs - clock.monotonicMs();
      if (delayMs > 0) {
        changed = new AbortController();
        await clock.sleep(delayMs, AbortSignal.any([changed.signal, ending.signal]));
        continue;
      }
      await until(hasRoom, ending.signal);
      if (ending.signal.aborted) return;
      release(clock.monotonicMs());
      notBeforeMs = clock.monotonicMs() + LEAST_GAP_MS;
    }
  }

  async function end(): Promise<void> {
    ending.abort();
    await running;
    if (holdsNothing()) return;
    const patience = new AbortController();
    const waited = new AbortController();
    void clock.sleep(LAST_ROOM_PATIENCE_MS, waited.signal).then(() => patience.abort());
    await until(hasRoom, patience.signal);
    waited.abort();
    release(Infinity);
    if (holdsNothing()) return;
    log.error('Pipeline ended with points that a processor did not let go of.');
    close('given_up');
  }

  return {
    consumed(part) {
      if (holdsNothing()) return;
      waiting ??= createWaiting();
      waiting.add(part());
      if (dueMs() < sleepingUntilMs) changed.abort();
    },
    start() {
      running = run();
    },
    stop() {
      stopping ??= end();
      return stopping;
    },
  };
}

/** Those who wait until nothing is held any more, and what became of all that was let go since then. */
interface Waiting {
  add(settle: Settle): void;
  part(): Settle;
  close(how: Settlement): void;
}

function createWaiting(): Waiting {
  const settles: Settle[] = [];
  const part = settleTogether((settlement) => {
    for (const settle of settles) settle(settlement);
  });
  const open = part();
  return { add: (settle) => void settles.push(settle), part, close: open };
}
