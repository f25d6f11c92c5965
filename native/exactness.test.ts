/**
 * Tens of millions of packets from two CPUs while the reader collects, commits and frees all the time: what was sent
 * is what was counted, or what the loss counters say, to the packet and the byte.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { lessWhenEmulated } from '../test/support/emulated.ts';
import { udpFrame } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun, setFlowCount } from '../test/support/native.ts';
import { type FlowColumns, flowColumns, type KernelTable, openKernelTable } from './index.ts';

const GENERATOR = fileURLToPath(new URL('../build/bpf/table.bpf.o', import.meta.url));
const THREADS = 2;
const READ_INTERVAL_MS = 100;
const FRAME = udpFrame({ src: '10.0.0.1', dst: '10.0.0.2', srcPort: 1024, dstPort: 53, payloadBytes: 58 });

// Programs run as if packets came by the loopback of this thread's namespace: one that nobody else uses.
test.before(() => enterNewNetworkNamespace());

interface Totals {
  bytes: number;
  packets: number;
  rows: number;
  freed: number;
  maxOverflowFlows: number;
  slots: number;
}

async function readOnce(table: KernelTable, columns: FlowColumns, totals: Totals): Promise<void> {
  const collected = await table.collect(columns);
  for (let row = 0; row < collected.rows; row++) {
    totals.bytes += columns.bytes[row]!;
    totals.packets += columns.packets[row]!;
  }
  totals.rows += collected.rows;
  totals.slots = collected.slots;
  totals.maxOverflowFlows = Math.max(totals.maxOverflowFlows, collected.overflowFlows);
  totals.freed += (await table.commit()).freed;
}

/** Runs the generator over each number of flows in turn while the table is read; then reads what is left. */
async function countWhileReading(table: KernelTable, flowCounts: number[], repeat: number) {
  const totals: Totals = { bytes: 0, packets: 0, rows: 0, freed: 0, maxOverflowFlows: 0, slots: 0 };
  const columns = flowColumns(400_000);
  const programId = table.programIds.generate_and_count!;
  let sending = true;
  const reader = (async () => {
    while (sending) {
      await readOnce(table, columns, totals);
      await sleep(READ_INTERVAL_MS);
    }
  })();
  for (const flows of flowCounts) {
    setFlowCount(programId, flows);
    await progTestRun({ programId, packet: FRAME, repeat, threads: THREADS });
  }
  sending = false;
  await reader;
  await table.settle();
  await readOnce(table, columns, totals);
  return totals;
}

async function lostOf(table: KernelTable): Promise<{ bytes: number; packets: number }> {
  const { ledger } = await table.collect(flowColumns(400_000));
  return ledger.reduce(
    (sum, { lost }) => ({
      bytes: sum.bytes + lost.table_full.bytes + lost.malformed.bytes,
      packets: sum.packets + lost.table_full.packets + lost.malformed.packets,
    }),
    { bytes: 0, packets: 0 },
  );
}

test.serial('counts every packet of 1 to 300,000 flows while slots are freed and the table grows', async (t) => {
  const table = await openKernelTable({ maxFlows: 300_000, initialSlots: 1024, idleWindows: 2, objectPath: GENERATOR });
  t.teardown(() => table.close());
  const flowCounts = [1, 10_000, 100_000, 300_000, 1, 10_000];
  const repeat = lessWhenEmulated(2_000_000);

  const totals = await countWhileReading(table, flowCounts, repeat);

  const sent = flowCounts.length * repeat * THREADS;
  t.true(sent >= lessWhenEmulated(20_000_000));
  t.is(totals.packets, sent);
  t.is(totals.bytes, sent * FRAME.length);
  t.true(totals.slots > 1024, 'the table grew');
  t.true(totals.freed > 0, 'slots were freed while packets came');
});

test.serial('counts every packet that finds no slot in the overflow map', async (t) => {
  const table = await openKernelTable({ maxFlows: 2048, initialSlots: 1024, idleWindows: 2, objectPath: GENERATOR });
  t.teardown(() => table.close());

  const repeat = lessWhenEmulated(1_500_000);

  const totals = await countWhileReading(table, [10_000, 12_000], repeat);

  t.is(totals.packets, 2 * repeat * THREADS);
  t.is(totals.bytes, totals.packets * FRAME.length);
  t.true(totals.maxOverflowFlows > 0, 'the overflow map was used');
});

test.serial('counts as lost, to the packet, what fits in neither table nor overflow map', async (t) => {
  const table = await openKernelTable({ maxFlows: 1024, initialSlots: 1024, idleWindows: 2, objectPath: GENERATOR });
  t.teardown(() => table.close());

  const sent = 500_000 * THREADS;
  const totals = await countWhileReading(table, [100_000], 500_000);
  const lost = await lostOf(table);

  t.true(lost.packets > 0, 'more flows came than fit');
  t.is(totals.packets + lost.packets, sent);
  t.is(totals.bytes + lost.bytes, sent * FRAME.length);
});

test.serial('hands out the same rows again until they are committed', async (t) => {
  const table = await openKernelTable({ maxFlows: 1024, objectPath: GENERATOR });
  t.teardown(() => table.close());
  const columns = flowColumns(100);
  const programId = table.programIds.generate_and_count!;
  setFlowCount(programId, 3);

  await progTestRun({ programId, packet: FRAME, repeat: 300 });
  const first = await table.collect(columns);
  await progTestRun({ programId, packet: FRAME, repeat: 30 });
  const second = await table.collect(columns);

  t.is(first.sums[0]?.packets, 300);
  t.is(second.sums[0]?.packets, 330);
  await table.commit();
  t.is((await table.collect(columns)).rows, 0);
});

test.serial('leaves rows that do not fit the arrays for the next collect', async (t) => {
  const table = await openKernelTable({ maxFlows: 1024, objectPath: GENERATOR });
  t.teardown(() => table.close());
  const programId = table.programIds.generate_and_count!;
  setFlowCount(programId, 50);
  await progTestRun({ programId, packet: FRAME, repeat: 5000 });

  let packets = 0;
  const columns = flowColumns(20);
  for (const expected of [false, false, true]) {
    const { complete, sums } = await table.collect(columns);
    t.is(complete, expected);
    packets += sums[0]!.packets;
    await table.commit();
  }
  t.is(packets, 5000);
});
