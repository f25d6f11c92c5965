/** Where a node translates addresses, new flows get their true ends from conntrack and known ones keep them. */

import test, { type ExecutionContext } from 'ava';
import { udpFrame } from '../test/support/frames.ts';
import { enterNetworkNamespace, progTestRun } from '../test/support/native.ts';
import { removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { DIALLED, SERVER_PORT, translatingNode } from '../test/support/translating-node.ts';
import {
  type Collected,
  type FlowColumns,
  flowColumns,
  type KernelTable,
  type KernelTableOptions,
  openKernelTable,
} from './index.ts';

const ROWS = 20_000;
/** More than are looked up one by one. */
const MANY_FLOWS = 9000;
const UNTRANSLATED = 0xffff_ffff;

const node = translatingNode();
test.before(() => enterNetworkNamespace(node.namespace.name));
test.after.always(removeNetworkNamespaces);

async function open(t: ExecutionContext, options: Partial<KernelTableOptions> = {}): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 65_536, initialSlots: 65_536, trueEnds: true, ...options });
  t.teardown(() => table.close());
  return table;
}

async function openAtEntrance(t: ExecutionContext, options: Partial<KernelTableOptions> = {}): Promise<KernelTable> {
  const table = await open(t, options);
  table.attach(node.entrance, 'ingress');
  return table;
}

interface Window extends Collected {
  readonly columns: FlowColumns;
  /** Of the endpoints that this window has for the first time. */
  readonly addresses: readonly string[];
}

async function readWindow(table: KernelTable): Promise<Window> {
  const columns = flowColumns(ROWS);
  const collected = await table.collect(columns);
  await table.commit();
  const { newEndpoints } = collected;
  const addresses = Array.from({ length: newEndpoints.length / 16 }, (_, at) =>
    newEndpoints.subarray(at * 16 + 12, at * 16 + 16).join('.'),
  );
  return { ...collected, columns, addresses };
}

/** Each row says the server as its destination, and beside it what was dialled. */
function allAreTranslated(t: ExecutionContext, { columns, rows, translatedRows, addresses }: Window): void {
  t.is(translatedRows, rows);
  const of = (column: ArrayLike<number>) => new Set(Array.from({ length: rows }, (_, row) => column[row]!));
  const addressesOf = (column: ArrayLike<number>) => [...of(column)].map((code) => addresses[code]);
  t.deepEqual(addressesOf(columns.dst), [node.server.ipv4]);
  t.deepEqual([...of(columns.dstPort)], [SERVER_PORT]);
  t.deepEqual(addressesOf(columns.natDst), [DIALLED.address]);
  t.deepEqual([...of(columns.natDstPort)], [DIALLED.port]);
  t.deepEqual([...of(columns.natSrc)], [UNTRANSLATED]);
  t.deepEqual(of(columns.natRow).size, rows);
}

/** A packet that no conntrack sees; as the generator's flow of this number. */
async function count(table: KernelTable, flow: number): Promise<void> {
  const ends = { src: '10.0.0.0', srcPort: 1024 + flow, dst: DIALLED.address, dstPort: DIALLED.port };
  const packet = udpFrame({ ...ends, payloadBytes: 10 });
  await progTestRun({ programId: table.programIds.network_ingress!, packet, repeat: 1 });
}

test.serial('a flow that conntrack does not have is asked about three times', async (t) => {
  node.generate(1, 10, 1);
  const table = await open(t);
  const missing: number[] = [];
  for (let window = 0; window < 5; window++) {
    await count(table, 1);
    missing.push((await readWindow(table)).natLookUps.missing);
  }
  t.deepEqual(missing, [1, 1, 1, 0, 0]);
});

test.serial('a flow that conntrack has a window later has its true ends from then on', async (t) => {
  const table = await open(t);
  await count(table, 2);
  const { rows, translatedRows } = await readWindow(table);
  t.deepEqual([rows, translatedRows], [1, 0]);
  node.generate(3, 30, 1);
  table.newEndpointEpoch();
  await count(table, 2);
  allAreTranslated(t, await readWindow(table));
});

test.serial('known flows keep their ends without a question, also when endpoints get new codes', async (t) => {
  const table = await openAtEntrance(t);
  node.generate(50, 500, 1);
  const first = await readWindow(table);
  t.is(first.rows, 50);
  t.deepEqual({ ...first.natLookUps }, { ...nothing, translated: 50 });
  allAreTranslated(t, first);

  node.generate(50, 500, 1);
  table.newEndpointEpoch();
  const second = await readWindow(table);
  t.is(second.rows, 50);
  t.deepEqual({ ...second.natLookUps }, nothing);
  allAreTranslated(t, second);
});

test.serial('a slot that was freed forgets the ends of the flow that it had', async (t) => {
  const table = await openAtEntrance(t, { idleWindows: 1 });
  node.generate(50, 500, 1);
  await readWindow(table);
  for (let window = 0; window < 3; window++) await readWindow(table);
  node.generate(50, 500, 1);
  table.newEndpointEpoch();
  const again = await readWindow(table);
  t.is(again.natLookUps.translated, 50);
  allAreTranslated(t, again);
});

test.serial('more new flows than are looked up one by one are found in lists', async (t) => {
  const table = await openAtEntrance(t);
  node.generate(MANY_FLOWS, MANY_FLOWS * 3, 1);
  const window = await readWindow(table);
  t.is(window.rows, MANY_FLOWS);
  t.deepEqual({ ...window.natLookUps }, { ...nothing, translated: MANY_FLOWS, dumps: 2 });
  allAreTranslated(t, window);
});

test.serial('flows that fit nowhere in the table have their true ends as well, asked for in each window', async (t) => {
  const table = await openAtEntrance(t, { maxFlows: 64, initialSlots: 64 });
  for (const _ of [1, 2]) {
    node.generate(400, 4000, 1);
    table.newEndpointEpoch();
    const window = await readWindow(table);
    t.true(window.overflowFlows > 0);
    t.true(window.natLookUps.translated >= window.overflowFlows);
    allAreTranslated(t, window);
  }
});

test.serial('without trueEnds nothing is asked, and flows name what was dialled', async (t) => {
  const table = await openAtEntrance(t, { trueEnds: false });
  node.generate(1, 10, 1);
  const { columns, rows, translatedRows, addresses, natLookUps } = await readWindow(table);
  t.deepEqual([rows, translatedRows], [1, 0]);
  t.is(addresses[columns.dst[0]!], DIALLED.address);
  t.deepEqual({ ...natLookUps }, nothing);
});

const nothing = { translated: 0, untranslated: 0, missing: 0, ambiguous: 0, failed: 0, dumps: 0, errno: 0 };
