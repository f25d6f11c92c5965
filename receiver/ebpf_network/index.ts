/** Counts every packet on the host's interfaces in the kernel and hands the flows on, one table a window. */

import { networkInterfaces } from 'node:os';
import { type Consumer, defineReceiver, type Host, type Receiver } from '../../core/component/define.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import { type KernelTable, listInterfaces, type NetworkInterface, openKernelTable } from '../../native/index.ts';
import { addressTowards, findAgentAddress } from './agent-address.ts';
import { type Collector, type CollectorOptions, createCollector } from './collect.ts';
import { countedProtocols, type EbpfNetworkConfig, elsewhere, schema } from './config.ts';
import { createCoverage, type InterfaceBytes, readInterfaceBytes } from './coverage.ts';
import { type Attachment, selectInterfaces } from './interfaces.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { agentResource, resourceSources } from './resource.ts';

/** What the receiver takes from the host; tests give their own. */
export interface Kernel {
  openKernelTable: typeof openKernelTable;
  listInterfaces(): readonly NetworkInterface[];
  readInterfaceBytes(): Promise<InterfaceBytes>;
  /** Takes the lines of the ledger at the end. */
  write(line: string): void;
}

const kernel: Kernel = {
  openKernelTable,
  listInterfaces,
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
    path: `receivers::${id}`,
  });
  const interfaceNames = new Map(attachments.map(({ iface }) => [iface.index & 0xffff, iface.name]));
  const origin = await originOf(config, host, interfaceNames);

  const protocols = countedProtocols(config);
  const table = await source.openKernelTable({
    maxFlows: config.cache_max_flows,
    ...(protocols === undefined ? {} : { protocols }),
  });
  const hooks = attachments.flatMap(({ iface, directions }) =>
    directions.map((direction) => ({ iface: iface.index & 0xffff, direction })),
  );
  const ledger = createLedger({ receiver: id, metrics, hooks, interfaceNames });
  const { readInterfaceBytes } = source;
  const coverage = await createCoverage({ receiver: id, ledger, metrics, logger, attachments, readInterfaceBytes });
  const intervalMs = config.cache_active_timeout;
  const parts = { table, consumer, ledger, coverage, clock, logger, metrics };
  const collector = createCollector({ receiver: id, ...parts, intervalMs, origin });
  await attachAll(table, attachments, covered);
  if (unreadable.length > 0) {
    const interfaces = unreadable.map(({ name, linkType }) => `${name} (${linkType})`);
    logger.warn('Not counting on interfaces of an unknown link type.', { interfaces });
  }
  logger.info('Counting on interfaces.', {
    interfaces: [...interfaceNames.values()],
    'beyla.ip': origin.agentAddress,
  });

  const abort = new AbortController();
  const loop = collector.run(abort.signal);
  const endLoop = () => {
    abort.abort();
    return loop;
  };
  return { table, attachments, ledger, collector, endLoop };
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
    interfaceNames,
    agentAddress,
  };
}

/** All or nothing. */
async function attachAll(table: KernelTable, attachments: readonly Attachment[], covered: readonly number[]) {
  try {
    // Before the first program counts: what is forwarded must not count twice.
    table.setCovered(covered);
    for (const { iface, directions, frameStart } of attachments) {
      for (const direction of directions) table.attach(iface, direction, frameStart);
    }
  } catch (error) {
    await table.close();
    throw error;
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
