/** What the addon does on a real interface: attaching, counting, letting go; and what its door refuses. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ETHERTYPE_ARP, ethernet, ipv6, udp, udpFrame } from '../test/support/frames.ts';
import { attachedProgramCount, enterNetworkNamespace, progTestRun, sendFrame } from '../test/support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { type Collected, type FlowColumns, flowColumns, type KernelTable, openKernelTable } from './index.ts';

const ROWS = 100;
const SAME_LOWER_BITS = 65_536;
const UDP = 17;
const ETHERTYPE_IPV6 = 0x86dd;

const [here, peer] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
const INBOUND = udpFrame({ src: peer.ipv4, dst: here.ipv4, srcPort: 1111, dstPort: 2222, payloadBytes: 100 });
const OUTBOUND = udpFrame({ src: here.ipv4, dst: peer.ipv4, srcPort: 2222, dstPort: 1111, payloadBytes: 300 });

test.before(() => enterNetworkNamespace(here.namespace.name));
test.after.always(removeNetworkNamespaces);

const receive = (count: number, frame = INBOUND) =>
  sendFrame({ networkNamespace: peer.namespace.name, interface: peer.name, frame, count });
const send = (count: number) => sendFrame({ interface: here.name, frame: OUTBOUND, count });
const attached = () => attachedProgramCount(here.namespace.name, here.name);

async function openTable(t: ExecutionContext): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 1024, initialSlots: 256 });
  t.teardown(() => table.close());
  return table;
}

/** Packets by direction and port of the source. */
async function counts(table: KernelTable, columns = flowColumns(ROWS)): Promise<Record<string, [number, number]>> {
  const { rows } = await table.collect(columns);
  return Object.fromEntries(
    Array.from({ length: rows }, (_, row) => {
      const place = `${columns.direction[row] === 0 ? 'ingress' : 'egress'} ${columns.srcPort[row]}`;
      return [place, [columns.packets[row]!, columns.bytes[row]!]];
    }),
  );
}

const ledgerOf = ({ ledger }: Collected, direction: string) =>
  ledger.find((row) => row.iface === here.index && row.direction === direction);

test.serial('each packet of an interface counts once, in its direction', async (t) => {
  const table = await openTable(t);
  table.attach(here, 'ingress');
  table.attach(here, 'egress');

  receive(10);
  send(5);
  await table.settle();

  t.deepEqual(await counts(table), {
    'ingress 1111': [10, 10 * INBOUND.length],
    'egress 2222': [5, 5 * OUTBOUND.length],
  });
});

test.serial('a program cannot be attached twice, so nothing counts twice', async (t) => {
  const table = await openTable(t);
  table.attach(here, 'ingress');
  t.throws(() => table.attach(here, 'ingress'), { code: 'kernel/call', message: /EEXIST/ });

  receive(3);
  await table.settle();
  t.deepEqual(await counts(table), { 'ingress 1111': [3, 3 * INBOUND.length] });
});

test.serial('detaching ends the counting at once and keeps what was counted', async (t) => {
  const table = await openTable(t);
  table.attach(here, 'ingress');
  table.attach(here, 'egress');
  t.is(attached(), 2);
  receive(2);
  receive(4, ethernet(ETHERTYPE_ARP, new Uint8Array(46)));

  table.detach(here.index, 'ingress');
  t.is(attached(), 1);
  receive(1);
  send(1);
  table.detach(here.index, 'egress');
  table.detach(here.index, 'egress');
  t.is(attached(), 0);
  send(1);
  await table.settle();

  const ledger = ledgerOf(await table.collect(flowColumns(ROWS)), 'ingress');
  t.is(ledger?.filtered.not_ip.packets, 4);
  t.is(ledgerOf(await table.collect(flowColumns(ROWS)), 'ingress'), undefined, 'nothing new of what is detached');
  t.deepEqual(await counts(table), {
    'ingress 1111': [2, 2 * INBOUND.length],
    'egress 2222': [1, OUTBOUND.length],
  });
});

test.serial('closing detaches everything, and a second time does nothing', async (t) => {
  const table = await openTable(t);
  table.attach(here, 'ingress');
  table.attach(here, 'egress');
  const closing = table.close();
  t.is(table.close(), closing);
  await closing;
  t.is(attached(), 0);
});

test.serial('closing waits for the calls before it; those after it are refused', async (t) => {
  const table = await openTable(t);
  const columns = flowColumns(ROWS);
  const before = [table.collect(columns), table.commit(), table.settle()];
  const closing = table.close();
  await t.notThrowsAsync(Promise.all(before));
  await closing;

  const closed = { code: 'native/argument', message: /closed/ };
  t.throws(() => table.attach(here, 'ingress'), closed);
  t.throws(() => table.detach(here.index, 'ingress'), closed);
  t.throws(() => table.setCovered([here.index]), closed);
  t.throws(() => table.rowBound(), closed);
  t.throws(() => table.newEndpointEpoch(), closed);
  await t.throwsAsync(table.collect(columns), closed);
  await t.throwsAsync(table.commit(), closed);
  await t.throwsAsync(table.settle(), closed);
});

test.serial('an interface that goes away keeps what it counted and can be attached when it comes back', async (t) => {
  const table = await openTable(t);
  const ip = (...words: string[]) => here.namespace.run('ip', ...words);
  const index = 4242;
  const create = () => {
    ip('link', 'add', 'left', 'index', `${index}`, 'type', 'veth', 'peer', 'name', 'right');
    for (const end of ['left', 'right']) ip('link', 'set', end, 'addrgenmode', 'none', 'arp', 'off', 'up');
  };
  create();
  table.attach({ index, name: 'left' }, 'egress');
  sendFrame({ interface: 'left', frame: OUTBOUND, count: 2 });
  ip('link', 'delete', 'left');

  t.throws(() => table.attach({ index, name: 'left' }, 'ingress'), { code: 'interface/missing' });
  create();
  table.attach({ index, name: 'left' }, 'egress');
  sendFrame({ interface: 'left', frame: OUTBOUND, count: 3 });
  await table.settle();
  t.deepEqual(await counts(table), { 'egress 2222': [5, 5 * OUTBOUND.length] });
});

test.serial('two interfaces with the same lower 16 bits of their index cannot be attached together', async (t) => {
  const table = await openTable(t);
  const other = { index: here.index + SAME_LOWER_BITS, name: 'other' };
  table.attach(here, 'ingress');
  t.throws(() => table.attach(other, 'ingress'), { code: 'interface/conflict' });
  t.throws(() => table.setCovered([other.index]), { code: 'interface/conflict' });

  table.detach(here.index, 'ingress');
  t.throws(() => table.attach(other, 'ingress'), { code: 'interface/missing' }, 'the place is free again');
});

test.serial('interfaces come and go, and endpoint codes start again, while the table is read', async (t) => {
  const table = await openTable(t);
  table.attach(here, 'ingress');
  const columns = flowColumns(ROWS);
  let packets = 0;
  for (let round = 0; round < 20; round++) {
    receive(1);
    await table.settle();
    const reading = table.collect(columns);
    table.newEndpointEpoch();
    table.detach(here.index, 'ingress');
    table.attach(here, 'ingress');
    t.true(table.rowBound() >= 1);
    const { rows, newEndpoints } = await reading;
    t.is(newEndpoints.length, 2 * 16);
    t.true(Math.max(columns.src[0]!, columns.dst[0]!) < 2);
    for (let row = 0; row < rows; row++) packets += columns.packets[row]!;
    await table.commit();
  }
  t.is(packets, 20);
});

test('arrays that the addon could write past are refused', async (t) => {
  const table = await openTable(t);
  const refused = async (columns: object, message: RegExp) =>
    t.throwsAsync(table.collect({ ...flowColumns(ROWS), ...columns }), { code: 'native/argument', message });
  await refused({ src: new Uint32Array(ROWS - 1) }, /column src/);
  await refused({ bytes: new Float32Array(ROWS) }, /column bytes/);
  await refused({ transport: undefined }, /column transport/);
  await refused({ capacity: ROWS + 1 }, /column src/);
  await refused({ capacity: 0 }, /capacity/);
  await refused({ capacity: 1.5 }, /capacity/);
  await refused({ iface: new Uint16Array(new ArrayBuffer(2 * ROWS, { maxByteLength: 4 * ROWS })) }, /column iface/);
});

test('arrays that were given away while the call waited are refused', async (t) => {
  const table = await openTable(t);
  const first = table.collect(flowColumns(ROWS));
  const columns = flowColumns(ROWS);
  const second = table.collect(columns);
  structuredClone(columns.src.buffer, { transfer: [columns.src.buffer as ArrayBuffer] });
  await t.notThrowsAsync(first);
  await t.throwsAsync(second, { code: 'native/argument', message: /column src/ });
});

test('arrays stay while the addon writes to them, whatever becomes of the object that named them', async (t) => {
  const table = await openTable(t);
  const columns: { -readonly [Name in keyof FlowColumns]: FlowColumns[Name] } = flowColumns(ROWS);
  const reading = table.collect(columns);
  await nextTurn();
  Object.assign(columns, flowColumns(1));
  t.is((await reading).rows, 0);
});

test('interface indexes are checked', async (t) => {
  const table = await openTable(t);
  const wrong = { code: 'native/argument', message: /index/ };
  for (const index of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
    t.throws(() => table.attach({ index, name: 'none' }, 'ingress'), wrong);
    t.throws(() => table.detach(index, 'ingress'), wrong);
    t.throws(() => table.setCovered([here.index, index]), wrong);
  }
});

test.serial('what comes from an interface that was never attached is in the ledger all the same', async (t) => {
  const table = await openTable(t);
  const packet = ethernet(ETHERTYPE_ARP, new Uint8Array(46));
  await progTestRun({ programId: table.programIds.network_ingress!, packet, repeat: 7 });
  const { ledger } = await table.collect(flowColumns(ROWS));
  t.deepEqual(
    ledger.map(({ iface, direction, filtered }) => [iface, direction, filtered.not_ip.packets]),
    [[0, 'ingress', 7]],
  );
});

test.serial('a packet that says it is IPv6 and is of another version is malformed', async (t) => {
  const table = await openTable(t);
  table.attach(here, 'ingress');
  const address = new Uint8Array(16).fill(1);
  const frame = ethernet(ETHERTYPE_IPV6, ipv6(address, address, UDP, udp(1, 2, new Uint8Array(20))));
  frame[14] = 0x40;
  receive(2, frame);
  await table.settle();
  const collected = await table.collect(flowColumns(ROWS));
  t.is(collected.rows, 0);
  t.deepEqual(ledgerOf(collected, 'ingress')?.lost.malformed, { bytes: 2 * frame.length, packets: 2 });
});
