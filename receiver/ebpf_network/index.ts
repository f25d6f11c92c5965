/** Counts every packet on the host's interfaces in the kernel and hands the flows on, one table a window. */

import { networkInterfaces } from 'node:os';
import { type Consumer, defineReceiver, type Host, type Receiver } from '../../core/component/define.ts';
import type { WeirError } from '../../core/errors.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import {
  type InterfaceWatch,
  type KernelTable,
  listInterfaces,
  type NetworkInterface,
  openKernelTable,
  watchInterfaces,
} from '../../native/index.ts';
import { addressTowards, findAgentAddress } from './agent-address.ts';
import { type Collector, type CollectorOptions, createCollector } from './collect.ts';
import { countedProtocols, type EbpfNetworkConfig, elsewhere, schema } from './config.ts';
import { createCoverage, type InterfaceBytes, readInterfaceBytes } from './coverage.ts';
import { createFollower, type Follower } from './follow.ts';
import { InterfaceNames } from './interface-names.ts';
import { type InterfaceSelection, nothingLeft, selectInterfaces } from './interfaces.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { agentResource, resourceSources } from './resource.ts';

/** What the receiver takes from the host; tests give their own. */
export interface Kernel {
  openKernelTable: typeof openKernelTable;
  listInterfaces(): readonly NetworkInterface[];
  watchInterfaces(onChange: (gone: Iterable<number>) => void): InterfaceWatch;
  pollInterfaces(periodMs: number, onChange: () => void): InterfaceWatch;
  readInterfaceBytes(): Promise<InterfaceBytes>;
  /** Takes the lines of the ledger at the end. */
  write(line: string): void;
}

const kernel: Kernel = {
  openKernelTable,
  listInterfaces,
  watchInterfaces,
  pollInterfaces,
  readInterfaceBytes,
  write: (line) => void process.stderr.write(line),
};

export default defineReceiver<EbpfNetworkConfig>({
  type: 'ebpf_network',
  aliases: { 'ebpf-network': "a collector refuses hyphens in a type: write 'ebpf_network'" },
  stability: 'alpha',
  description: 'Counts the flows of this host in the kernel: every byte and packet, each once.',
  config: schema,
  elsewhere,
  adds: flowAttributes,
  create: (config, host, consumer) => createReceiver(config, host, consumer, kernel),
});

function pollInterfaces(periodMs: number, onChange: () => void): InterfaceWatch {
  const timer = setInterval(onChange, periodMs).unref();
  return { close: () => clearInterval(timer) };
}

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
  return {
    async start() {
      running = await startCounting(config, host, consumer, source);
    },
    async stop() {
      if (running !== undefined) stopping ??= stopCounting(running, host, source);
      await stopping;
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
    path: `receivers::${id}`,
  };
  let follower: Follower | undefined;
  // Before the first list, so that nothing falls between the two.
  const watch = watchWith(config, source, (gone) => follower?.look(gone));
  let table: KernelTable | undefined;
  try {
    const all = source.listInterfaces();
    const selection = selectInterfaces(all, rules);
    const origin = await originOf(config, host);
    const protocols = countedProtocols(config);
    table = await source.openKernelTable({
      maxFlows: config.cache_max_flows,
      ...(protocols === undefined ? {} : { protocols }),
    });
    const names = new InterfaceNames(() => follower?.look([]));
    const ledger = createLedger({ receiver: id, metrics, interfaceNames: names.current });
    const { readInterfaceBytes } = source;
    const coverage = createCoverage({ receiver: id, ledger, metrics, logger, readInterfaceBytes });
    const intervalMs = config.cache_active_timeout;
    const parts = { table, consumer, ledger, names, coverage, clock, logger, metrics };
    const collector = createCollector({ receiver: id, ...parts, intervalMs, origin });
    follower = createFollower({ receiver: id, rules, ...parts, listInterfaces: () => source.listInterfaces() });
    // What changed in the meantime, it sees when it has started.
    follower.look([]);
    await follower.start(all, selection);
    sayWhatIsCounted(host, selection, origin.agentAddress, () => nothingLeft(all, rules));

    const abort = new AbortController();
    const loop = collector.run(abort.signal);
    const endLoop = () => {
      abort.abort();
      return loop;
    };
    return { table, watch, follower, ledger, collector, endLoop };
  } catch (error) {
    watch.close();
    await table?.close();
    throw error;
  }
}

function watchWith(config: EbpfNetworkConfig, source: Kernel, look: (gone: Iterable<number>) => void): InterfaceWatch {
  if (config.listen_interfaces === 'poll') return source.pollInterfaces(config.listen_poll_period, () => look([]));
  return source.watchInterfaces(look);
}

function sayWhatIsCounted(
  { logger }: Host,
  { attachments, unreadable }: InterfaceSelection,
  agentAddress: string | undefined,
  whyNothing: () => WeirError,
): void {
  const namesOf = (interfaces: readonly NetworkInterface[]) => interfaces.map(({ name }) => name);
  if (unreadable.length > 0) {
    const ofUnknownType = unreadable.map(({ name, linkType }) => `${name} (${linkType})`);
    logger.warn('Not counting on interfaces of an unknown link type.', { interfaces: ofUnknownType });
  }
  const interfaces = namesOf(attachments.map(({ iface }) => iface));
  logger.info('Counting on interfaces.', { interfaces, 'beyla.ip': agentAddress });
  if (interfaces.length === 0) {
    logger.warn('Nothing is counted until an interface comes that fits.', { reason: whyNothing() });
  }
}

/** What every flow table says about this agent. */
async function originOf(config: EbpfNetworkConfig, { id, logger, build }: Host): Promise<CollectorOptions['origin']> {
  const sources = { interfaces: networkInterfaces(), addressTowards, path: `receivers::${id}` };
  const agentAddress = await findAgentAddress(config, sources);
  if (agentAddress === undefined) {
    const { agent_ip_iface, agent_ip_type } = config;
    logger.warn('This host has no such address: beyla.ip is absent.', { agent_ip_iface, agent_ip_type });
  }
  return {
    resource: agentResource(await resourceSources(id), logger),
    scope: { name: build.command, version: build.version },
    metricNames: config.metric_names,
    agentAddress,
  };
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
