/**
 * The loop that reads the kernel table: ask the pipelines for room, collect, hand over once, commit. Without room it
 * waits and the next window is longer; a failure is logged and counted, and nothing is forgotten in the kernel.
 */

import type { Consumer } from '../../core/component/define.ts';
import { EndpointDimension } from '../../core/table/dimension.ts';
import { createFlowTables, type FlowTableInput } from '../../core/table/flow-columns.ts';
import { interfaceSums } from '../../core/table/interface-sums.ts';
import type { Clock } from '../../core/telemetry/clock.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import { type Collected, type FlowColumns, flowColumns, type KernelTable } from '../../native/index.ts';
import type { Coverage } from './coverage.ts';
import type { InterfaceNames } from './interface-names.ts';
import type { Ledger } from './ledger.ts';
import { createNatReporter } from './nat.ts';

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
}

/** Flows that may come up between asking how many rows there are and reading them. */
const SLACK_ROWS = 1024;
/** A table that nobody writes any more is read in one or two collects. */
const MAX_DRAIN_COLLECTS = 8;

/** What became of one try. */
type Outcome = 'done' | 'more' | 'no_room' | 'failed';

export function createCollector(options: CollectorOptions): Collector {
  const { table, consumer, ledger, names, coverage, clock, logger, intervalMs } = options;
  const toFlowTable = createFlowTables();
  const report = createReporter(options);
  const nat = createNatReporter(options);
  let endpoints = new EndpointDimension();
  /** A failed collect may have handed out endpoints that did not arrive. */
  let endpointsMissing = false;
  let windowStartNs = clock.nowNs();
  /** The rows of the last collect were handed over, and the kernel has not been told. */
  let handedOver = false;

  async function commit(): Promise<void> {
    if (!handedOver) return;
    await table.commit();
    handedOver = false;
  }

  async function collect(): Promise<{ columns: FlowColumns; collected: Collected }> {
    if (endpoints.full || endpointsMissing) {
      table.newEndpointEpoch();
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
  function handOver(columns: FlowColumns, { rows, translatedRows }: Collected): void {
    // The wall clock may have been set back: windows still join and never end before they start.
    const nowNs = clock.nowNs();
    const window = { startNs: windowStartNs, endNs: nowNs > windowStartNs ? nowNs : windowStartNs + 1n };
    windowStartNs = window.endNs;
    handedOver = true;
    if (rows === 0) {
      ledger.exported();
      return;
    }
    try {
      // A copy: the table's columns may be computed when the names have changed.
      const interfaceNames = new Map(names.current);
      const translations = { count: translatedRows, of: columns };
      const input = { ...options.origin, interfaceNames, flows: columns, endpoints, rows, translations, window };
      const filtered = consumer.consume(toFlowTable(input));
      if (filtered !== undefined) ledger.filtered(interfaceSums(columns, filtered), options.origin.sampling);
      ledger.exported();
    } catch (error) {
      ledger.lost('pipeline_failed');
      logger.error('No pipeline took the flows of a window; they are lost.', { rows, error });
    }
  }

  async function collectOnce(): Promise<Outcome> {
    try {
      await commit();
      const { columns, collected } = await collect();
      report.collected(collected);
      nat.collected(collected.natLookUps);
      ledger.collected(collected);
      await coverage.compare();
      // Another receiver may have taken the room in the meantime. Nothing is forgotten: the next collect has it all.
      if (collected.rows > 0 && !consumer.hasRoom()) return 'no_room';
      handOver(columns, collected);
      if (collected.complete) names.rowsOut();
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
        const outcome = await collectOnce();
        if (outcome === 'more') continue;
        const nowMs = clock.monotonicMs();
        // After a window that came late, the next one has its full length.
        dueMs = dueMs + intervalMs > nowMs ? dueMs + intervalMs : nowMs + intervalMs;
      }
    },
    async drain() {
      for (let collects = 0; collects < MAX_DRAIN_COLLECTS; collects++) {
        const outcome = await collectOnce();
        if (outcome === 'no_room') {
          ledger.lost('receiver_stopped');
          logger.error('No exporter has room: what was counted since the last export is lost.');
        }
        if (outcome === 'done' || outcome === 'no_room') return;
      }
      logger.error('The flow table could not be read to its end: what was counted since the last export is lost.');
    },
  };
}

/** How full the table is and how long reading it takes. */
function createReporter({ receiver, metrics, logger }: CollectorOptions) {
  const name = (what: string) => `otelcol_receiver_ebpf_network_${what}`;
  const slots = metrics.gauge({ name: name('table_slots'), help: 'Slots of the flow table, by state.' });
  const capacity = metrics.gauge({ name: name('table_capacity'), help: 'Slots to which the flow table can grow.' });
  const scan = metrics.gauge({ name: name('scan_duration_seconds'), help: 'Time of the last scan of the flow table.' });
  const failures = metrics.counter({
    name: name('collect_failures_total'),
    help: 'Times the flow table could not be read; what it holds is read the next time.',
  });
  failures.add(0, { receiver });
  let socketsFailure: string | undefined;
  /** Once, until it works again. */
  const sockets = (failure: string | undefined) => {
    if (failure !== undefined && socketsFailure === undefined) {
      const effect = 'The listening sockets of this host cannot be read: directions that they would tell are unknown.';
      logger.warn(effect, { error: failure });
    }
    socketsFailure = failure;
  };
  return {
    collected(collected: Collected) {
      slots.set(collected.usedSlots, { receiver, state: 'used' });
      slots.set(collected.slots - collected.usedSlots, { receiver, state: 'free' });
      slots.set(collected.overflowFlows, { receiver, state: 'overflow' });
      capacity.set(collected.maxSlots, { receiver });
      scan.set(collected.scanNs / 1e9, { receiver });
      sockets(collected.socketsFailure);
    },
    failed(error: unknown) {
      failures.add(1, { receiver });
      logger.error('Cannot read the flow table; trying again, nothing is lost.', { error });
    },
  };
}
