/** Counts every packet on the host's interfaces in the kernel and hands the flows on, one table a window. */

import { type Consumer, defineReceiver, type Host, type Receiver } from '../../core/component/define.ts';
import { type OwnConnections, ownConnections } from '../../core/network/own-connections.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import {
  type InterfaceWatch,
  type KernelTable,
  listInterfaces,
  listTunnels,
  type NetworkNamespace,
  openKernelTable,
  type PacketSource,
  removeLeftFilters,
  watchInterfaces,
} from '../../native/index.ts';
import { type Collector, createCollector } from './collect.ts';
import { countedProtocols, type EbpfNetworkConfig, elsewhere, problemsBetween, samplingOf, schema } from './config.ts';
import { createCoverage, type InterfaceBytes, readInterfaceBytes } from './coverage.ts';
import { createFollower, type Follower } from './follow.ts';
import { InterfaceNames } from './interface-names.ts';
import { nothingLeft, selectInterfaces } from './interfaces.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { mayAskConntrack } from './nat.ts';
import { originOf } from './origin.ts';
import { attachmentsOf, pinPlace, reportRefused, takeOver } from './pins.ts';
import { firstThatAttaches, sayWhatIsCounted } from './source.ts';
import { pollInterfaces, type SpaceSource, watchSpaces } from './spaces.ts';
import { createTunnelFollower } from './tunnels.ts';

/** What the receiver takes from the host; tests give their own. */
export interface Kernel extends SpaceSource {
  openKernelTable: typeof openKernelTable;
  removeLeftFilters(): readonly string[];
  readInterfaceBytes(namespaces: readonly NetworkNamespace[]): Promise<InterfaceBytes>;
  /** The connections that this process opened. */
  ownConnections(): OwnConnections;
  /** Takes the lines of the ledger at the end. */
  write(line: string): void;
}

const kernel: Kernel = {
  openKernelTable,
  listInterfaces,
  listTunnels,
  removeLeftFilters,
  watchInterfaces,
  pollInterfaces,
  readInterfaceBytes,
  ownConnections,
  write: (line) => void process.stderr.write(line),
};

export default defineReceiver<EbpfNetworkConfig>({
  type: 'ebpf_network',
  aliases: { 'ebpf-network': "a collector refuses hyphens in a type: write 'ebpf_network'" },
  stability: 'alpha',
  description: 'Counts the flows of this host in the kernel: every byte and packet, each once.',
  config: schema,
  elsewhere,
  validate: problemsBetween,
  adds: flowAttributes,
  // What is pinned is the agent's: whoever only looks would take its counts and commit them.
  aside: (config) => ({ ...config, pin_path: '' }),
  create: (config, host, consumer) => {
    // From here on they are heard of: exporters start before this receiver does.
    ownConnections();
    return createReceiver(config, host, consumer, kernel);
  },
});

/** What a running receiver holds. */
interface Running {
  readonly table: KernelTable;
  readonly watch: InterfaceWatch;
  readonly follower: Follower;
  readonly ledger: Ledger;
  readonly collector: Collector;
  /** Resolves when no collect runs and none will. */
  endLoop(): Promise<void>;
}

export function createReceiver(config: EbpfNetworkConfig, host: Host, consumer: Consumer, source: Kernel): Receiver {
  let running: Running | undefined;
  let stopping: Promise<void> | undefined;
  let finishing: Promise<void> | undefined;
  return {
    async start() {
      running = await startCounting(config, host, consumer, source);
    },
    async stop() {
      if (running === undefined) return;
      stopping ??= config.pin_path === '' ? stopCounting(running, host, source) : stopReading(running);
      await stopping;
    },
    async finish() {
      if (running === undefined || config.pin_path === '') return;
      finishing ??= finishReading(running, source);
      await finishing;
    },
  };
}

async function startCounting(
  config: EbpfNetworkConfig,
  host: Host,
  consumer: Consumer,
  source: Kernel,
): Promise<Running> {
  const { id, logger, clock, metrics } = host;
  const rules = {
    include: config.interfaces,
    exclude: config.exclude_interfaces,
    direction: config.direction,
    everyInterface: config.deduper === 'none',
    path: `receivers::${id}`,
  };
  let follower: Follower | undefined;
  // Before the first list, so that nothing falls between the two.
  const spaces = watchSpaces(config, source, logger, (gone) => follower?.look(gone));
  try {
    const all = spaces.listInterfaces();
    const selection = selectInterfaces(all, rules);
    const origin = await originOf(config, host);
    const protocols = countedProtocols(config);
    const names = new InterfaceNames(() => follower?.look([]));
    const ledger = createLedger({ receiver: id, metrics, interfaceNames: names.current, clock });
    const { readInterfaceBytes } = source;
    const coverage = createCoverage({ receiver: id, ledger, metrics, logger, readInterfaceBytes });
    const intervalMs = config.cache_active_timeout;
    const pin = pinPlace(config);
    const trueEnds = mayAskConntrack(config, logger);
    const count = async (packetSource: PacketSource) => {
      const table = await source.openKernelTable({
        source: packetSource,
        trafficControl: config.traffic_control_backend,
        maxFlows: config.cache_max_flows,
        sampling: samplingOf(config),
        tunnels: config.tunnels,
        guessPorts: config.guess_ports === 'ordinal',
        ...(config.exclude_self ? { ownConnections: source.ownConnections() } : {}),
        trueEnds,
        ...(protocols === undefined ? {} : { protocols }),
        ...(pin === undefined ? {} : { pin }),
      });
      try {
        reportRefused(table, config.pin_path, ledger, logger);
        const inherited = await takeOver(table, all, names, logger);
        const windowStartNs = table.takenOver?.windowEndNs || undefined;
        const parts = { table, consumer, ledger, names, coverage, clock, logger, metrics };
        const collector = createCollector({
          receiver: id,
          ...parts,
          intervalMs,
          origin,
          pinned: pin !== undefined,
          inherited: attachmentsOf(inherited ?? []),
          ...(windowStartNs === undefined ? {} : { windowStartNs }),
        });
        const following = createFollower({
          receiver: id,
          rules,
          ...parts,
          tunnels: createTunnelFollower({ table, listTunnels: spaces.listTunnels, logger }),
          listInterfaces: spaces.listInterfaces,
          ...(inherited === undefined ? {} : { inherited }),
        });
        follower = following;
        // What changed in the meantime, it sees when it has started.
        following.look([]);
        await following.start(all, selection);
        return { table, collector, follower: following };
      } catch (error) {
        await table.close();
        throw error;
      }
    };
    sweep(source, logger);
    const counting = await firstThatAttaches(config.source, count, logger);
    const { collector } = counting;
    sayWhatIsCounted(config, host, counting.table, selection, origin.agentAddress, () => nothingLeft(all, rules));

    const abort = new AbortController();
    const loop = collector.run(abort.signal);
    const endLoop = () => {
      abort.abort();
      return loop;
    };
    return { ...counting, watch: spaces, ledger, endLoop };
  } catch (error) {
    spaces.close();
    throw error;
  }
}

/** A run that was killed leaves its clsact filters on the interfaces, where each packet still goes through them. */
function sweep(source: Kernel, logger: Host['logger']): void {
  try {
    const places = source.removeLeftFilters();
    if (places.length > 0) logger.warn('Removed the filters that a run which was killed had left.', { places });
  } catch (error) {
    logger.warn('Cannot remove filters that a run which was killed left: packets go through them in vain.', { error });
  }
}

/** Detaches first, so that the last collect has every packet that was counted. */
async function stopCounting(running: Running, { logger }: Host, { write }: Kernel): Promise<void> {
  const { table, watch, follower, ledger, collector, endLoop } = running;
  watch.close();
  await Promise.all([endLoop(), follower.stop()]);
  try {
    for (const { iface, direction } of follower.hooks()) await table.detachOffLoop(iface.index, direction);
    await table.settle();
  } catch (error) {
    // Closing the table detaches as well.
    logger.warn('Cannot detach in order: packets of the last moment may be missing.', { error });
  }
  await collector.drain();
  for (const line of ledger.lines()) write(`${line}\n`);
  await table.close();
}

/** What hangs stays and counts on: the last window ends here, and what comes after it is for the next agent. */
async function stopReading({ watch, follower, collector, endLoop }: Running): Promise<void> {
  watch.close();
  await Promise.all([endLoop(), follower.stop()]);
  await collector.drain();
}

async function finishReading({ table, ledger, collector }: Running, { write }: Kernel): Promise<void> {
  await collector.finish();
  for (const line of ledger.lines()) write(`${line}\n`);
  await table.close();
}
