/** Counts every packet on the host's interfaces in the kernel and hands the flows on, one table a window. */

import { networkInterfaces } from 'node:os';
import { type Consumer, defineReceiver, type Host, type Receiver } from '../../core/component/define.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import {
  type KernelTable,
  listInterfaces,
  type NetworkInterface,
  openKernelTable,
  type PacketSource,
  removeLeftFilters,
} from '../../native/index.ts';
import { addressTowards, findAgentAddress } from './agent-address.ts';
import { type Collector, type CollectorOptions, createCollector } from './collect.ts';
import { countedProtocols, type EbpfNetworkConfig, elsewhere, schema } from './config.ts';
import { createCoverage, type InterfaceBytes, readInterfaceBytes } from './coverage.ts';
import { type Attachment, selectInterfaces } from './interfaces.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { agentResource, resourceSources } from './resource.ts';
import { attachAll, firstThatAttaches, sourceReason } from './source.ts';

/** What the receiver takes from the host; tests give their own. */
export interface Kernel {
  openKernelTable: typeof openKernelTable;
  listInterfaces(): readonly NetworkInterface[];
  removeLeftFilters(): readonly string[];
  readInterfaceBytes(): Promise<InterfaceBytes>;
  /** Takes the lines of the ledger at the end. */
  write(line: string): void;
}

const kernel: Kernel = {
  openKernelTable,
  listInterfaces,
  removeLeftFilters,
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

/** What a running receiver holds. */
interface Running {
  readonly table: KernelTable;
  readonly attachments: readonly Attachment[];
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
  const { attachments, covered, unreadable } = selectInterfaces(source.listInterfaces(), {
    include: config.interfaces,
    exclude: config.exclude_interfaces,
    direction: config.direction,
    everyInterface: config.deduper === 'none',
    path: `receivers::${id}`,
  });
  const interfaceNames = new Map(attachments.map(({ iface }) => [iface.index & 0xffff, iface.name]));
  const origin = await originOf(config, host, interfaceNames);

  const hooks = attachments.flatMap(({ iface, directions }) =>
    directions.map((direction) => ({ iface: iface.index & 0xffff, direction })),
  );
  const ledger = createLedger({ receiver: id, metrics, hooks, interfaceNames });
  const { readInterfaceBytes } = source;
  const coverage = await createCoverage({ receiver: id, ledger, metrics, logger, attachments, readInterfaceBytes });
  const protocols = countedProtocols(config);
  const count = async (packetSource: PacketSource) => {
    const table = await source.openKernelTable({
      source: packetSource,
      trafficControl: config.traffic_control_backend,
      maxFlows: config.cache_max_flows,
      ...(protocols === undefined ? {} : { protocols }),
    });
    const parts = { table, consumer, ledger, coverage, clock, logger, metrics };
    const intervalMs = config.cache_active_timeout;
    const collector = createCollector({ receiver: id, ...parts, intervalMs, origin });
    await attachAll(table, attachments, covered, logger);
    return { table, collector };
  };
  sweep(source, logger);
  const { table, collector } = await firstThatAttaches(config.source, count, logger);
  announce(config, table, unreadable, origin, logger);

  const abort = new AbortController();
  const loop = collector.run(abort.signal);
  const endLoop = () => {
    abort.abort();
    return loop;
  };
  return { table, attachments, ledger, collector, endLoop };
}

/** Says what is counted, by which source and why, and what is not. */
function announce(
  config: EbpfNetworkConfig,
  { hookKind }: KernelTable,
  unreadable: readonly NetworkInterface[],
  { interfaceNames, agentAddress }: CollectorOptions['origin'],
  logger: Host['logger'],
): void {
  if (unreadable.length > 0) {
    const interfaces = unreadable.map(({ name }) => name);
    logger.warn('Not counting on interfaces whose packets have no Ethernet header.', { interfaces });
  }
  if (config.deduper_fc_ttl > 0) {
    logger.info('deduper_fc_ttl decides nothing: counting each packet once needs no cache.');
  }
  const sources = { tcx: 'tc with tcx', tc: 'tc with clsact', socket_filter: 'socket_filter' } as const;
  logger.info('Counting on interfaces.', {
    source: sources[hookKind],
    because: sourceReason(config, hookKind),
    interfaces: [...interfaceNames.values()],
    'beyla.ip': agentAddress,
  });
}

/** What every flow table says about this agent. */
async function originOf(
  config: EbpfNetworkConfig,
  { id, logger, build }: Host,
  interfaceNames: ReadonlyMap<number, string>,
): Promise<CollectorOptions['origin']> {
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
    everyInterface: config.deduper === 'none',
    interfaceNames,
    agentAddress,
  };
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
  const { table, attachments, ledger, collector, endLoop } = running;
  await endLoop();
  try {
    for (const { iface, directions } of attachments) {
      for (const direction of directions) table.detach(iface.index, direction);
    }
    await table.settle();
  } catch (error) {
    // Closing the table detaches as well.
    logger.warn('Cannot detach in order: packets of the last moment may be missing.', { error });
  }
  await collector.drain();
  for (const line of ledger.lines()) write(`${line}\n`);
  await table.close();
}
