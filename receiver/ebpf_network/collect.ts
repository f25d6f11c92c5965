/**
 * The loop that reads the kernel table: ask the pipelines for room, collect, hand over once, commit. Without room it
 * waits and the next window is longer; a failure is logged and counted, and nothing is forgotten in the kernel. Of a
 * pinned table a window is committed only when it has arrived, and the next one waits for that.
 */

import type { Consumer, NotTaken, Settlement } from '../../core/component/define.ts';
import { EndpointDimension } from '../../core/table/dimension.ts';
import { createFlowTables, type FlowTableInput } from '../../core/table/flow-columns.ts';
import { interfaceRows, interfaceSums } from '../../core/table/interface-sums.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import { type Collected, type FlowColumns, flowColumns, type KernelTable } from '../../native/index.ts';
import type { Coverage } from './coverage.ts';
import type { InterfaceNames } from './interface-names.ts';
import type { Attachment } from './interfaces.ts';
import type { Ledger } from './ledger.ts';
import { createNatReporter } from './nat.ts';
import { createTableReporter } from './table-report.ts';
import { unlessAborted } from './unless-aborted.ts';
import { createWindowClock } from './window-clock.ts';

export interface CollectorOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly table: KernelTable;
  readonly consumer: Consumer;
  readonly ledger: Ledger;
  readonly names: InterfaceNames;
  readonly coverage: Coverage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly intervalMs: number;
  /** The table outlives this process: what is not committed is for the next one. */
  readonly pinned: boolean;
  /** Where the first window begins, Unix time; absent: now. */
  readonly windowStartNs?: bigint;
  /** Interfaces that were counted on before: compared with their own counters from the first collect on. */
  readonly inherited: readonly Attachment[];
  /** What every flow table of this receiver says about its origin. */
  readonly origin: Pick<
    FlowTableInput,
    'resource' | 'scope' | 'metricNames' | 'features' | 'everyInterface' | 'carriers' | 'agentAddress' | 'sampling'
  >;
}

export interface Collector {
  /** Reads the table again and again until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** After the last packet was counted: hands over what is left, or says that it is lost. */
  drain(): Promise<void>;
  /** When every exporter has stopped: commits the last window if it has arrived. */
  finish(): Promise<void>;
}

/** Flows that may come up between asking how many rows there are and reading them. */
const SLACK_ROWS = 1024;
/** A table that nobody writes any more is read in one or two collects. */
const MAX_DRAIN_COLLECTS = 8;

/** At the end the last window may take so long to arrive before the exporters are stopped, which ends its retries. */
export const ARRIVAL_PATIENCE_MS = 5000;

/** What became of one try; `on_its_way`: the signal aborted before the window had arrived. */
type Outcome = 'done' | 'more' | 'no_room' | 'failed' | 'on_its_way';

export function createCollector(options: CollectorOptions): Collector {
  const { table, consumer, ledger, names, coverage, clock, logger, intervalMs, pinned } = options;
  const toFlowTable = createFlowTables();
  const report = createTableReporter(options);
  const nat = createNatReporter(options);
  let endpoints = new EndpointDimension();
  /** A failed collect may have handed out endpoints that did not arrive. */
  let endpointsMissing = false;
  /** The end of the last window that was handed over. */
  let windowStartNs = options.windowStartNs ?? clock.nowNs();
  const windowClock = createWindowClock(clock, windowStartNs);
  /** Nobody needs the rows of the last collect any more, and the kernel has not been told. */
  let commitDue = false;
  /** What will become of them, while that is not known. */
  let onItsWay: Promise<Settlement> | undefined;
  let inherited = options.inherited;
  let draining = false;

  async function commit(): Promise<void> {
    if (!commitDue) return;
    await table.commit(windowStartNs);
    commitDue = false;
  }

  function taken(): void {
    ledger.exported();
    commitDue = true;
  }

  /** False: not known when the signal aborted, or stopped on its way. It then stays in the table. */
  async function arrived(signal: AbortSignal): Promise<boolean> {
    if (onItsWay === undefined) return true;
    const settlement = await unlessAborted(onItsWay, signal);
    if (settlement === undefined || settlement === 'interrupted') return false;
    onItsWay = undefined;
    taken();
    return true;
  }

  async function collect(): Promise<{ columns: FlowColumns; collected: Collected }> {
    if (endpoints.full || endpointsMissing) {
      table.newEndpointEpoch();
      endpoints.retire();
      endpoints = new EndpointDimension(endpoints.epoch + 1);
    }
    const columns = flowColumns(table.rowBound() + SLACK_ROWS);
    endpointsMissing = true;
    names.collectBegins();
    const collected = await table.collect(columns);
    endpoints.append(collected.newEndpoints);
    endpointsMissing = false;
    return { columns, collected };
  }

  /** Gives the rows to the pipelines, once; after this they must not be collected again. */
  function handOver(columns: FlowColumns, { rows, translatedRows, complete }: Collected): void {
    // What there is comes with the next collect, in a window that begins where this one does.
    if (rows === 0 && !complete) {
      taken();
      return;
    }
    const window = { startNs: windowStartNs, endNs: windowClock.end() };
    windowStartNs = window.endNs;
    if (rows === 0) {
      taken();
      return;
    }
    try {
      // A copy: the table's columns may be computed when the names have changed.
      const interfaceNames = new Map(names.current);
      const { promise, resolve } = Promise.withResolvers<Settlement>();
      const translations = { count: translatedRows, of: columns };
      const input = { ...options.origin, interfaceNames, flows: columns, endpoints, rows, translations, window };
      const notTaken = consumer.consume(toFlowTable(input), resolve);
      if (notTaken !== undefined) noteNotTaken(notTaken, columns);
      // Nothing comes after it that it could be held back for.
      if (draining) consumer.release();
      if (pinned) onItsWay = promise;
      else taken();
    } catch (error) {
      ledger.lost('pipeline_failed');
      commitDue = true;
      logger.error('No pipeline took the flows of a window; they are lost.', { rows, error });
    }
  }

  /** What no pipeline has taken: for good, or for now. */
  function noteNotTaken({ filtered, held }: NotTaken, columns: FlowColumns): void {
    const { sampling } = options.origin;
    for (const { reason, places } of filtered) ledger.filtered(reason, interfaceSums(columns, places), sampling);
    if (held === undefined) return;
    // The columns are written again before the rows have gone.
    const rows = interfaceRows(columns, held.places);
    const account = ledger.heldBack(rows.sums(), sampling, pinned);
    held.onGone((end) => {
      for (const { reason, places } of end.filtered) account.goes({ filtered: reason }, rows.sumsOf(places));
      account.goes({ lost: 'pipeline_failed' }, rows.sumsOf(end.lost));
      const left = [...end.filtered.map(({ places }) => places), end.lost];
      account.goes('exported', rows.sumsWithout(left));
    });
  }

  async function collectOnce(signal: AbortSignal): Promise<Outcome> {
    try {
      if (!(await arrived(signal))) return 'on_its_way';
      await commit();
      const { columns, collected } = await collect();
      report.collected(collected);
      nat.collected(collected.natLookUps);
      ledger.collected(collected);
      await coverage.compare();
      if (inherited.length > 0) await coverage.begin(inherited);
      inherited = [];
      // Another receiver may have taken the room in the meantime. Nothing is forgotten: the next collect has it all.
      if (collected.rows > 0 && !consumer.hasRoom()) return 'no_room';
      handOver(columns, collected);
      if (collected.complete) names.rowsOut();
      if (!(await arrived(signal))) return 'on_its_way';
      await commit();
      return collected.complete ? 'done' : 'more';
    } catch (error) {
      report.failed(error);
      return 'failed';
    }
  }

  return {
    async run(signal) {
      let dueMs = clock.monotonicMs() + intervalMs;
      while (!signal.aborted) {
        await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()), signal);
        if (!signal.aborted && !consumer.hasRoom()) await consumer.waitForRoom(signal);
        if (signal.aborted) return;
        const outcome = await collectOnce(signal);
        if (outcome === 'more') continue;
        const nowMs = clock.monotonicMs();
        // After a window that came late, the next one has its full length.
        dueMs = dueMs + intervalMs > nowMs ? dueMs + intervalMs : nowMs + intervalMs;
      }
    },
    async drain() {
      draining = true;
      consumer.release();
      const arrival = new AbortController();
      const drained = new AbortController();
      if (pinned) void clock.sleep(ARRIVAL_PATIENCE_MS, drained.signal).then(() => arrival.abort());
      for (let collects = 0; collects < MAX_DRAIN_COLLECTS; collects++) {
        const outcome = await collectOnce(arrival.signal);
        if (outcome === 'no_room' && !pinned) {
          ledger.lost('receiver_stopped');
          logger.error('No exporter has room: what was counted since the last export is lost.');
        }
        if (outcome === 'more' || outcome === 'failed') continue;
        drained.abort();
        return;
      }
      drained.abort();
      const fate = pinned ? 'stays in the table, for the next agent' : 'is lost';
      logger.error(`The flow table could not be read to its end: what was counted since the last export ${fate}.`);
    },
    async finish() {
      try {
        if (await arrived(AbortSignal.abort())) await commit();
        else logger.warn('The last window was not acknowledged: it stays in the table, for the next agent.');
      } catch (error) {
        logger.error('Cannot commit the last window: the next agent may send it again.', { error });
      }
    },
  };
}
