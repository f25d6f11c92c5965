/** For tests: a receiver on a kernel table in memory, with everything around it in the test's hands. */

import type { ExecutionContext } from 'ava';
import { decodeBlock } from '../../core/config/block.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { createLogger } from '../../core/telemetry/log.ts';
import { createRegistry } from '../../core/telemetry/registry.ts';
import type { HookDirection, ListedTunnels, NetworkInterface } from '../../native/index.ts';
import { type EbpfNetworkConfig, schema } from './config.ts';
import type { InterfaceBytes } from './coverage.ts';
import { createReceiver } from './index.ts';
import { createFakeClock, createFakeConsumer, FakeKernelTable } from './kernel-table.fake.ts';

const defaults: EbpfNetworkConfig = { ...decodeBlock(schema, undefined).config, agent_ip: '10.0.0.9' };
export const eth0: NetworkInterface = {
  index: 2,
  name: 'eth0',
  kind: '',
  master: 0,
  lower: 0,
  loopback: false,
  up: true,
  pointToPoint: false,
  linkType: 1,
};

/** `read` takes the place of reading `interfaceBytes`; `left` is what a killed run left, or why it cannot be removed. */
export function setUp(
  read?: () => Promise<InterfaceBytes>,
  { left = [], ...keys }: Partial<EbpfNetworkConfig> & { left?: readonly string[] | Error } = {},
) {
  const config = { ...defaults, ...keys };
  const table = new FakeKernelTable();
  const clock = createFakeClock();
  const consumer = createFakeConsumer();
  const registry = createRegistry();
  const log: string[] = [];
  const written: string[] = [];
  const interfaceBytes = new Map<string, Record<HookDirection, number>>();
  const interfaces = [eth0];
  const tunnels: ListedTunnels = { tunnels: [], addresses: [], unreadable: [] };
  let changed: (gone: Iterable<number>) => void = () => {};
  /** Puts these in place of all interfaces; resolves when the receiver has seen to it. */
  const change = async (now: readonly NetworkInterface[], gone: readonly number[] = []) => {
    interfaces.splice(0, interfaces.length, ...now);
    changed(gone);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  };
  const logger = createLogger({ clock, write: (line) => log.push(line) });
  const build = { command: 'weir', version: '0.1.0' };
  const host = { id: 'ebpf_network', logger, metrics: registry, clock, build };
  const kernel = {
    openKernelTable: async () => table,
    removeLeftFilters: () => {
      if (left instanceof Error) throw left;
      return left;
    },
    listInterfaces: (): NetworkInterface[] => [...interfaces],
    listTunnels: () => tunnels,
    watchInterfaces: (onChange: (gone: Iterable<number>) => void) => {
      changed = onChange;
      return {
        close: () => {
          changed = () => {};
        },
      };
    },
    pollInterfaces: () => {
      throw new Error('the default is to watch');
    },
    ownConnections: () => ({ list: () => [], onOpened: () => () => {} }),
    readInterfaceBytes: read ?? (async () => new Map(interfaceBytes)),
    write: (line: string) => written.push(line),
  };
  const receiver = createReceiver(config, host, consumer, kernel);
  return { table, clock, consumer, registry, log, written, interfaceBytes, kernel, change, receiver };
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

/** Bytes of each table. */
export const bytesOf = (tables: readonly FlowTable[]) => tables.map(({ measures }) => sum(measures.bytes));

/** seen = exported + filtered + sampled + lost + in_table, for bytes and packets of every interface and direction. */
export function assertLedgerCloses(t: ExecutionContext, text: string): void {
  const balance = new Map<string, number>();
  const figures = /^otelcol_receiver_ebpf_network_(\w+?)_(bytes|packets)(?:_total)?\{(.*)\} (\d+)$/gm;
  for (const [, what, unit, labels = '', value] of text.matchAll(figures)) {
    const key = `${unit} ${labels.replace(/,?reason="\w+"/, '')}`;
    balance.set(key, (balance.get(key) ?? 0) + (what === 'seen' ? -1 : 1) * Number(value));
  }
  t.true(balance.size > 0);
  for (const [key, rest] of balance) t.is(rest, 0, key);
}
