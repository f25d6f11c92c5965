/**
 * From bytes to the table: each frame runs through the loaded program, and its row or its ledger entry is read.
 *
 * long: most of it is the list of frames.
 */

import test from 'ava';
import { concatBytes, ETHERTYPE_ARP, ethernet, sctp, tcp, udp, udpFrame, words } from '../support/frames.ts';
import { enterNewNetworkNamespace, type TestRun } from '../support/native.ts';
import {
  A,
  ACK,
  B,
  ICMP,
  ICMPV6,
  LOOPBACK,
  ledgerOf,
  openTable,
  patched,
  type Row,
  read,
  run,
  SYN,
  TCP,
  UDP,
  UDPLITE,
  v4,
  v4Row,
  v6,
  v6Row,
} from './frame-runs.ts';

const SCTP = 132;
const DCCP = 33;

test.before(() => enterNewNetworkNamespace());

const payload = new Uint8Array(100);
const icmpEcho = concatBytes(new Uint8Array([8, 0]), words(0, 1, 1), payload);
const hopByHop = concatBytes(new Uint8Array([UDP, 0]), new Uint8Array(6));
const destinationThenHopByHop = concatBytes(new Uint8Array([60, 0]), new Uint8Array(6), hopByHop);
const authentication = concatBytes(new Uint8Array([UDP, 4]), new Uint8Array(22)); // 6 words, stated less two
const jumbo = new Uint8Array([TCP, 0, 0xc2, 4, 0, 0, 0x0b, 0xcc]);

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
    row: v4Row({ transport: ICMP, srcPort: 8 << 8, initiator: 1, bytes: 14 + 20 + 8 + 100 }),
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
    title: 'IPv6 with a routing and an authentication header',
    frame: v6(43, concatBytes(new Uint8Array([51, 0]), new Uint8Array(6), authentication, udp(6666, 7777, payload))),
    row: v6Row({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 14 + 40 + 8 + 24 + 8 + 100 }),
  },
  {
    title: 'SCTP',
    frame: v4(SCTP, sctp(5000, 5001, payload)),
    row: v4Row({ transport: SCTP, srcPort: 5000, dstPort: 5001, bytes: 14 + 20 + 12 + 100 }),
  },
  {
    title: 'DCCP',
    frame: v6(DCCP, concatBytes(words(5000, 5001), payload)),
    row: v6Row({ transport: DCCP, srcPort: 5000, dstPort: 5001, bytes: 14 + 40 + 4 + 100 }),
  },
  {
    title: 'UDPLITE, whose length field says what its checksum covers',
    frame: v4(UDPLITE, concatBytes(words(5000, 5001, 8, 0), payload)),
    row: v4Row({ transport: UDPLITE, srcPort: 5000, dstPort: 5001, bytes: 14 + 20 + 8 + 100 }),
  },
  {
    title: 'a short packet with the padding that Ethernet wants',
    frame: concatBytes(v4(TCP, tcp(40000, 443, ACK, new Uint8Array())), new Uint8Array(6)),
    row: v4Row({ srcPort: 40000, dstPort: 443, bytes: 60 }),
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
  {
    title: 'a GSO packet of more than 64 KiB over IPv4, which states no length',
    frame: patched(v4(TCP, tcp(40000, 443, ACK, new Uint8Array(3000))), 16, 0, 0),
    context: { gsoSize: 1000, gsoSegs: 3 },
    row: v4Row({ srcPort: 40000, dstPort: 443, bytes: 3000 + 3 * (14 + 20 + 20), packets: 3 }),
  },
  {
    title: 'a GSO packet of more than 64 KiB over IPv6: its jumbo option is not on the wire',
    frame: patched(v6(0, concatBytes(jumbo, tcp(40000, 443, ACK, new Uint8Array(3000)))), 18, 0, 0),
    context: { gsoSize: 1000, gsoSegs: 3 },
    row: v6Row({ srcPort: 40000, dstPort: 443, bytes: 3000 + 3 * (14 + 40 + 20), packets: 3 }),
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

test.serial('ARP is in the ledger as not_ip, not in the table', async (t) => {
  const table = await openTable(t);
  const frame = ethernet(ETHERTYPE_ARP, new Uint8Array(46));
  await run(table, frame);
  const { rows, collected } = await read(table);
  t.is(rows.length, 0);
  t.deepEqual(ledgerOf(collected), { 'filtered not_ip': { bytes: frame.length, packets: 1 } });
});

test.serial('a transport that was not asked for is in the ledger as protocol, not in the table', async (t) => {
  const table = await openTable(t, [TCP, UDP]);
  const frame = v4(ICMP, icmpEcho);
  await run(table, frame);
  const { rows, collected } = await read(table);
  t.is(rows.length, 0);
  t.deepEqual(ledgerOf(collected), { 'filtered protocol': { bytes: frame.length, packets: 1 } });
});

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
    t.deepEqual(ledgerOf(collected, 'egress'), { 'filtered counted_elsewhere': { bytes: frame.length, packets: 1 } });

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
