/**
 * From bytes to the table: each frame runs through the loaded program, and its row or its ledger entry is read.
 *
 * long: most of it is the list of frames.
 */

import test, { type ExecutionContext } from 'ava';
import { type Collected, flowColumns, type KernelTable, openKernelTable } from '../../native/index.ts';
import {
  concatBytes,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethernet,
  ipv4,
  ipv6,
  mappedAddress,
  tcp,
  udp,
  udpFrame,
  words,
} from '../support/frames.ts';
import { enterNewNetworkNamespace, progTestRun, type TestRun } from '../support/native.ts';

const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMPV6 = 58;
const SYN = 0x02;
const ACK = 0x10;
const LOOPBACK = 1;
/** In the ledger, every interface that has no programs: the frames need none, so older kernels run them as well. */
const NEVER_ATTACHED = 0;

const A = '192.0.2.1';
const B = '198.51.100.7';
const A6 = new Uint8Array([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const B6 = new Uint8Array([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

test.before(() => enterNewNetworkNamespace());

interface Row {
  src: string;
  dst: string;
  srcPort: number;
  dstPort: number;
  transport: number;
  direction: 'ingress' | 'egress';
  initiator: number;
  bytes: number;
  packets: number;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

async function openTable(t: ExecutionContext, protocols?: number[]): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 1024, ...(protocols === undefined ? {} : { protocols }) });
  t.teardown(() => table.close());
  return table;
}

async function run(
  table: KernelTable,
  packet: Uint8Array,
  context: TestRun['context'] = {},
  direction: 'ingress' | 'egress' = 'ingress',
): Promise<void> {
  const [result] = await progTestRun({
    programId: table.programIds[`network_${direction}`]!,
    packet,
    repeat: 1,
    context: { ifindex: LOOPBACK, ...context },
  });
  if (result!.retval !== 0xffffffff && result!.retval !== -1) throw new Error(`the program decided: ${result!.retval}`);
}

async function read(table: KernelTable): Promise<{ rows: Row[]; collected: Collected }> {
  const columns = flowColumns(100);
  const collected = await table.collect(columns);
  const address = (code: number) => hex(collected.newEndpoints.subarray(code * 16, code * 16 + 16));
  const rows = Array.from(
    { length: collected.rows },
    (_, row): Row => ({
      src: address(columns.src[row]!),
      dst: address(columns.dst[row]!),
      srcPort: columns.srcPort[row]!,
      dstPort: columns.dstPort[row]!,
      transport: columns.transport[row]!,
      direction: columns.direction[row] === 0 ? 'ingress' : 'egress',
      initiator: columns.initiator[row]!,
      bytes: columns.bytes[row]!,
      packets: columns.packets[row]!,
    }),
  );
  return { rows, collected };
}

const v4Row = (fields: Partial<Row>): Row => ({
  src: hex(mappedAddress(A)),
  dst: hex(mappedAddress(B)),
  srcPort: 0,
  dstPort: 0,
  transport: TCP,
  direction: 'ingress',
  initiator: 0,
  bytes: 0,
  packets: 1,
  ...fields,
});
const v6Row = (fields: Partial<Row>): Row => v4Row({ src: hex(A6), dst: hex(B6), ...fields });

const v4 = (protocol: number, payload: Uint8Array, more: object = {}) =>
  ethernet(ETHERTYPE_IPV4, ipv4({ src: A, dst: B, protocol, ...more }, payload));
const v6 = (next: number, payload: Uint8Array) => ethernet(ETHERTYPE_IPV6, ipv6(A6, B6, next, payload));

const payload = new Uint8Array(100);
const icmpEcho = concatBytes(new Uint8Array([8, 0]), words(0, 1, 1), payload);
const hopByHop = concatBytes(new Uint8Array([UDP, 0]), new Uint8Array(6));
const destinationThenHopByHop = concatBytes(new Uint8Array([60, 0]), new Uint8Array(6), hopByHop);
const fragmentHeader = (offset: number) => concatBytes(new Uint8Array([UDP, 0]), words(offset << 3), new Uint8Array(4));

const cases: { title: string; frame: Uint8Array; row: Row; context?: TestRun['context'] }[] = [
  {
    title: 'TCP over IPv4',
    frame: v4(TCP, tcp(40000, 443, ACK, payload)),
    row: v4Row({ srcPort: 40000, dstPort: 443, bytes: 14 + 20 + 20 + 100 }),
  },
  {
    title: 'UDP over IPv4, one byte of payload',
    frame: v4(UDP, udp(5353, 53, new Uint8Array(1))),
    row: v4Row({ transport: UDP, srcPort: 5353, dstPort: 53, bytes: 14 + 20 + 8 + 1 }),
  },
  {
    title: 'ICMP: type and code in the source port',
    frame: v4(ICMP, icmpEcho),
    row: v4Row({ transport: ICMP, srcPort: 8 << 8, bytes: 14 + 20 + 8 + 100 }),
  },
  {
    title: 'TCP over IPv6',
    frame: v6(TCP, tcp(40000, 443, ACK, payload)),
    row: v6Row({ srcPort: 40000, dstPort: 443, bytes: 14 + 40 + 20 + 100 }),
  },
  {
    title: 'ICMPv6',
    frame: v6(ICMPV6, concatBytes(new Uint8Array([135, 0]), new Uint8Array(22))),
    row: v6Row({ transport: ICMPV6, srcPort: 135 << 8, bytes: 14 + 40 + 24 }),
  },
  {
    title: 'the first packet of a handshake: the source is the initiator',
    frame: v4(TCP, tcp(40000, 443, SYN, new Uint8Array())),
    row: v4Row({ srcPort: 40000, dstPort: 443, initiator: 1, bytes: 54 }),
  },
  {
    title: 'the answer of a handshake: the destination is the initiator',
    frame: v4(TCP, tcp(443, 40000, SYN | ACK, new Uint8Array())),
    row: v4Row({ srcPort: 443, dstPort: 40000, initiator: 2, bytes: 54 }),
  },
  {
    title: 'IPv4 with options',
    frame: v4(UDP, udp(6666, 7777, payload), { options: new Uint8Array(8).fill(1) }),
    row: v4Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 14 + 28 + 8 + 100 }),
  },
  {
    title: 'the first fragment, which carries the ports',
    frame: v4(UDP, udp(6666, 7777, payload), { moreFragments: true }),
    row: v4Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 14 + 20 + 8 + 100 }),
  },
  {
    title: 'a later fragment, whose payload is no header',
    frame: v4(UDP, payload, { fragmentOffset: 185 }),
    row: v4Row({ transport: UDP, bytes: 14 + 20 + 100 }),
  },
  {
    title: 'IPv6 with hop-by-hop options',
    frame: v6(0, concatBytes(hopByHop, udp(6666, 7777, payload))),
    row: v6Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 14 + 40 + 8 + 8 + 100 }),
  },
  {
    title: 'IPv6 with two extension headers',
    frame: v6(0, concatBytes(destinationThenHopByHop, udp(6666, 7777, payload))),
    row: v6Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 14 + 40 + 16 + 8 + 100 }),
  },
  {
    title: 'the first IPv6 fragment',
    frame: v6(44, concatBytes(fragmentHeader(0), udp(6666, 7777, payload))),
    row: v6Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 14 + 40 + 8 + 8 + 100 }),
  },
  {
    title: 'a later IPv6 fragment',
    frame: v6(44, concatBytes(fragmentHeader(64), payload)),
    row: v6Row({ transport: UDP, bytes: 14 + 40 + 8 + 100 }),
  },
  {
    title: 'a transport without ports',
    frame: v4(47, payload),
    row: v4Row({ transport: 47, bytes: 14 + 20 + 100 }),
  },
  {
    title: 'a GSO packet: headers once for each segment',
    frame: v4(TCP, tcp(40000, 443, ACK, new Uint8Array(3000), 12)),
    context: { gsoSize: 1000, gsoSegs: 3 },
    row: v4Row({ srcPort: 40000, dstPort: 443, bytes: 3000 + 3 * (14 + 20 + 32), packets: 3 }),
  },
  {
    title: 'a GSO packet that does not say how many segments it has',
    frame: v4(TCP, tcp(40000, 443, ACK, new Uint8Array(3000))),
    context: { gsoSize: 1448 },
    row: v4Row({ srcPort: 40000, dstPort: 443, bytes: 3000 + 3 * (14 + 20 + 20), packets: 3 }),
  },
  {
    title: 'a GSO packet of UDP',
    frame: v6(UDP, udp(6666, 7777, new Uint8Array(2500))),
    context: { gsoSize: 1200, gsoSegs: 3 },
    row: v6Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 2500 + 3 * (14 + 40 + 8), packets: 3 }),
  },
];

for (const { title, frame, row, context } of cases) {
  test.serial(`counts ${title}`, async (t) => {
    const table = await openTable(t);
    await run(table, frame, context);
    const { rows } = await read(table);
    t.deepEqual(rows, [row]);
  });
}

const ledgerCases: { title: string; frame: Uint8Array; place: 'filtered' | 'lost'; reason: string }[] = [
  { title: 'ARP', frame: ethernet(ETHERTYPE_ARP, new Uint8Array(46)), place: 'filtered', reason: 'not_ip' },
  {
    title: 'IPv4 with a header shorter than 20 bytes',
    frame: ethernet(ETHERTYPE_IPV4, concatBytes(new Uint8Array([0x44]), new Uint8Array(60))),
    place: 'lost',
    reason: 'malformed',
  },
  { title: 'TCP cut off in its header', frame: v4(TCP, new Uint8Array(10)), place: 'lost', reason: 'malformed' },
  { title: 'a transport that was not asked for', frame: v4(ICMP, icmpEcho), place: 'filtered', reason: 'protocol' },
];

for (const { title, frame, place, reason } of ledgerCases) {
  test.serial(`${title} is in the ledger as ${reason}, not in the table`, async (t) => {
    const table = await openTable(t, [TCP, UDP]);
    await run(table, frame);
    const { rows, collected } = await read(table);
    const ledger = collected.ledger.find(({ iface, direction }) => iface === NEVER_ATTACHED && direction === 'ingress');
    t.is(rows.length, 0);
    t.like(ledger?.[place], { [reason]: { bytes: frame.length, packets: 1 } });
  });
}

test.serial(
  'a forwarded packet is counted where it leaves only if it came in by a device that is not covered',
  async (t) => {
    const table = await openTable(t);
    const frame = udpFrame({ src: A, dst: B, srcPort: 1, dstPort: 2, payloadBytes: 10 });
    const cameInBy = { ingressIfindex: LOOPBACK };

    await run(table, frame, cameInBy, 'egress');
    t.is((await read(table)).rows[0]?.packets, 1);
    await table.commit();

    table.setCovered([LOOPBACK]);
    await run(table, frame, cameInBy, 'egress');
    const { rows, collected } = await read(table);
    t.is(rows.length, 0);
    const ledger = collected.ledger.find(({ iface, direction }) => iface === NEVER_ATTACHED && direction === 'egress');
    t.deepEqual(ledger?.filtered.counted_elsewhere, { bytes: frame.length, packets: 1 });

    await run(table, frame, {}, 'egress');
    t.is((await read(table)).rows[0]?.packets, 1, 'what was born here is always counted');
  },
);

test.serial('endpoint codes start again with a new epoch, and rows still name the right addresses', async (t) => {
  const table = await openTable(t);
  const frame = udpFrame({ src: A, dst: B, srcPort: 1, dstPort: 2, payloadBytes: 10 });
  await run(table, frame);
  const before = (await read(table)).rows;
  await table.commit();

  table.newEndpointEpoch();
  await run(table, frame);
  t.deepEqual((await read(table)).rows, before);
});
