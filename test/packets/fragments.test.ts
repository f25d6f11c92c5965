/** Fragments: the first one carries the ports, and the others follow it to its flow. */

import test from 'ava';
import { openKernelTable } from '../../native/index.ts';
import { concatBytes, ipv6Fragment, tcp, udp } from '../support/frames.ts';
import { enterNetworkNamespace } from '../support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { ACK, ICMP, openTable, type Row, read, run, TCP, UDP, v4, v4Row, v6, v6Row } from './frame-runs.ts';

const namespace = createNetworkNamespace();
test.before(() => enterNetworkNamespace(namespace.name));
test.after.always(removeNetworkNamespaces);

const part = new Uint8Array(96);
const datagram = udp(6666, 7777, new Uint8Array(2 * 96 + 88)).subarray(0, 96); // the first of three parts
const first4 = (id: number) => v4(UDP, datagram, { moreFragments: true, id });
const later4 = (id: number, offset: number) =>
  v4(UDP, part, { fragmentOffset: offset, moreFragments: offset < 24, id });
const first6 = (id: number) => v6(44, ipv6Fragment(UDP, 0, true, id, datagram));
const later6 = (id: number, offset: number) => v6(44, ipv6Fragment(UDP, offset, offset < 24, id, part));
const destinationOptions = concatBytes(new Uint8Array([UDP, 0]), new Uint8Array(6), datagram);

const owned4 = v4Row({ transport: UDP, srcPort: 6666, dstPort: 7777 });
const owned6 = v6Row({ transport: UDP, srcPort: 6666, dstPort: 7777 });
const bytes4 = 14 + 20 + 96;
const bytes6 = 14 + 48 + 96;

const cases: { title: string; frames: Uint8Array[]; rows: Row[] }[] = [
  {
    title: 'all fragments of an IPv4 datagram are of one flow',
    frames: [first4(1), later4(1, 12), later4(1, 24)],
    rows: [{ ...owned4, bytes: 3 * bytes4, packets: 3 }],
  },
  {
    title: 'all fragments of an IPv6 datagram are of one flow',
    frames: [first6(0x10001), later6(0x10001, 12), later6(0x10001, 24)],
    rows: [{ ...owned6, bytes: 3 * bytes6, packets: 3 }],
  },
  {
    title: 'a later IPv4 fragment of another datagram has no ports',
    frames: [first4(1), later4(2, 12)],
    rows: [{ ...owned4, bytes: bytes4 }, v4Row({ transport: UDP, bytes: bytes4 })],
  },
  {
    title: 'a later IPv6 fragment of another datagram has no ports',
    frames: [first6(0x10001), later6(0x20001, 12)],
    rows: [{ ...owned6, bytes: bytes6 }, v6Row({ transport: UDP, bytes: bytes6 })],
  },
  {
    title: 'a fragment that comes before the first one has no ports, and those behind it do',
    frames: [later4(3, 12), first4(3), later4(3, 24)],
    rows: [{ ...owned4, bytes: 2 * bytes4, packets: 2 }, v4Row({ transport: UDP, bytes: bytes4 })],
  },
  {
    title: 'the same id of another protocol is another IPv4 datagram',
    frames: [first4(1), v4(TCP, part, { fragmentOffset: 12, id: 1 })],
    rows: [{ ...owned4, bytes: bytes4 }, v4Row({ transport: TCP, bytes: bytes4 })],
  },
  {
    title: 'IPv6 fragments behind which options come are of the transport that the first one names',
    frames: [v6(44, ipv6Fragment(60, 0, true, 5, destinationOptions)), v6(44, ipv6Fragment(60, 13, false, 5, part))],
    rows: [{ ...owned6, bytes: bytes6 + 8 + bytes6, packets: 2 }],
  },
  {
    title: 'fragments of an ICMP message are of its type',
    frames: [
      v4(ICMP, concatBytes(new Uint8Array([8, 0]), new Uint8Array(94)), { moreFragments: true }),
      v4(ICMP, part, { fragmentOffset: 12 }),
    ],
    rows: [v4Row({ transport: ICMP, srcPort: 8 << 8, initiator: 1, bytes: 2 * bytes4, packets: 2 })],
  },
  {
    title: 'a first fragment that ends in the header of TCP still has the ports',
    frames: [
      v4(TCP, tcp(40000, 443, ACK, new Uint8Array()).subarray(0, 8), { moreFragments: true }),
      v4(TCP, part, { fragmentOffset: 1 }),
    ],
    rows: [v4Row({ srcPort: 40000, dstPort: 443, bytes: 14 + 20 + 8 + bytes4, packets: 2 })],
  },
  {
    title: 'an IPv6 packet with a fragment header that is whole',
    frames: [v6(44, ipv6Fragment(UDP, 0, false, 6, udp(6666, 7777, part)))],
    rows: [{ ...owned6, bytes: bytes6 + 8 }],
  },
];

const byPort = (a: Row, b: Row) => b.srcPort - a.srcPort;

for (const { title, frames, rows } of cases) {
  test.serial(title, async (t) => {
    const table = await openTable(t);
    for (const frame of frames) await run(table, frame);
    t.deepEqual((await read(table)).rows.sort(byPort), rows);
  });
}

test.serial('fragments that leave do not take the ports of those that came in', async (t) => {
  const table = await openTable(t);
  await run(table, first4(1), {}, 'ingress');
  await run(table, later4(1, 12), {}, 'egress');
  t.deepEqual((await read(table)).rows.sort(byPort), [
    { ...owned4, bytes: bytes4 },
    v4Row({ transport: UDP, direction: 'egress', bytes: bytes4 }),
  ]);
});

const MTU_BYTES = 1280;
const FRAGMENT_HEADER_BYTES = 8;

for (const family of ['ipv4', 'ipv6'] as const) {
  test.serial(`datagrams that the stack fragments over ${family} are one flow, true to the byte`, async (t) => {
    const options = { mtuBytes: MTU_BYTES, quiet: true };
    const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), options);
    const count = async (direction: 'ingress' | 'egress') => {
      const end = direction === 'ingress' ? server : client;
      enterNetworkNamespace(end.namespace.name);
      const table = await openKernelTable({ maxFlows: 1024 });
      t.teardown(() => table.close());
      table.attach(end, direction);
      return table;
    };
    const tables = [await count('egress'), await count('ingress')];

    const datagrams = 20; // as many as a receive buffer holds
    const payloadBytes = 4000;
    const { clientPort, serverPort } = await udpDatagrams({ client, server, family, datagrams, payloadBytes });

    const headerBytes = family === 'ipv4' ? 20 : 40 + FRAGMENT_HEADER_BYTES;
    const partBytes = Math.floor((MTU_BYTES - headerBytes) / 8) * 8;
    const fragments = Math.ceil((8 + payloadBytes) / partBytes);
    t.is(fragments, 4);
    for (const table of tables) {
      const { rows } = await read(table);
      t.is(rows.length, 1);
      t.like(rows[0], {
        srcPort: clientPort,
        dstPort: serverPort,
        transport: UDP,
        packets: datagrams * fragments,
        bytes: datagrams * (8 + payloadBytes + fragments * (14 + headerBytes)),
      });
    }
  });
}
