/** Who opened a TCP connection stays known as long as it is open, wherever its packets are counted. */

import test, { type ExecutionContext } from 'ava';
import { ETHERTYPE_IPV4, ethernet, ipv4, tcp } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun } from '../test/support/native.ts';
import { flowColumns, type KernelTable, type KernelTableOptions, openKernelTable } from './index.ts';

const TCP = 6;
const FIN = 0x01;
const SYN = 0x02;
const ACK = 0x10;
const UNKNOWN = 0;
const SOURCE = 1;
const DESTINATION = 2;
/** More than the windows after which a flow that is no connection is freed. */
const MANY_WINDOWS = 10;

test.before(() => enterNewNetworkNamespace());

async function openTable(t: ExecutionContext, options: Partial<KernelTableOptions>): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 4096, idleWindows: 1, ...options });
  t.teardown(() => table.close());
  return table;
}

async function count(table: KernelTable, connection: number, flags: number): Promise<void> {
  const segment = tcp(1024 + connection, 443, flags, new Uint8Array(10));
  const packet = ethernet(ETHERTYPE_IPV4, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', protocol: TCP }, segment));
  await progTestRun({ programId: table.programIds.network_ingress!, packet, repeat: 1 });
}

const range = (length: number) => Array.from({ length }, (_, each) => each);

async function countAll(table: KernelTable, connections: readonly number[], flags: number): Promise<void> {
  for (const connection of connections) await count(table, connection, flags);
}

/** Initiators by connection, of the window just gone. */
async function readWindow(table: KernelTable): Promise<Map<number, number>> {
  const columns = flowColumns(10_000);
  const { rows } = await table.collect(columns);
  await table.commit();
  return new Map(range(rows).map((row) => [columns.srcPort[row]! - 1024, columns.initiator[row]!]));
}

async function pass(table: KernelTable, windows: number): Promise<void> {
  for (let window = 0; window < windows; window++) await readWindow(table);
}

const allAre = (initiators: Map<number, number>, connections: readonly number[], initiator: number) =>
  initiators.size === connections.length && connections.every((each) => initiators.get(each) === initiator);

test.serial('an open connection that is idle keeps its initiator', async (t) => {
  const table = await openTable(t, {});
  await count(table, 1, SYN);
  await count(table, 2, SYN | ACK);
  await pass(table, MANY_WINDOWS);
  await count(table, 1, ACK);
  await count(table, 2, ACK);
  const initiators = await readWindow(table);
  t.is(initiators.get(1), SOURCE);
  t.is(initiators.get(2), DESTINATION);
});

test.serial(
  'a connection that was closed, or whose opening was not seen, is freed as any other flow, and remembered',
  async (t) => {
    const table = await openTable(t, {});
    await count(table, 1, SYN);
    await count(table, 1, FIN | ACK);
    await count(table, 2, ACK);
    await pass(table, MANY_WINDOWS);
    const { usedSlots } = await table.collect(flowColumns(10));
    t.is(usedSlots, 0);
    await count(table, 1, ACK);
    await count(table, 2, ACK);
    const initiators = await readWindow(table);
    t.is(initiators.get(1), SOURCE);
    t.is(initiators.get(2), UNKNOWN);
  },
);

test.serial('connections keep their initiator when the table grows, also within one window', async (t) => {
  const table = await openTable(t, { initialSlots: 512 });
  const old = range(200);
  await countAll(table, old, SYN);
  t.true(allAre(await readWindow(table), old, SOURCE));

  const all = range(600);
  await countAll(table, all.slice(200), SYN);
  await countAll(table, all, ACK);
  t.true(allAre(await readWindow(table), all, SOURCE));
  const { slots } = await table.collect(flowColumns(10));
  t.true(slots > 512, 'the table grew');
});

test.serial('connections keep their initiator when a slot before theirs becomes free', async (t) => {
  const table = await openTable(t, { initialSlots: 2048 });
  const all = range(900);
  await countAll(table, all, SYN);
  await readWindow(table);
  const closed = all.filter((each) => each % 2 === 0);
  await countAll(table, closed, FIN | ACK);
  await pass(table, 4);

  const open = all.filter((each) => each % 2 === 1);
  const before = (await table.collect(flowColumns(10))).usedSlots;
  await countAll(table, open, ACK);
  t.true((await table.collect(flowColumns(10_000))).usedSlots > before, 'some have a second slot');
  t.true(allAre(await readWindow(table), open, SOURCE));

  await pass(table, MANY_WINDOWS);
  const { usedSlots } = await table.collect(flowColumns(10));
  t.is(usedSlots, open.length, 'the slots they had before are free');
});
