/**
 * Devices whose frames start at the IP header. BPF_PROG_TEST_RUN takes a packet's protocol from where Ethernet has it;
 * in these packets the source address lies there, so the addresses are chosen to spell the protocol.
 */

import test from 'ava';
import { ipv4, ipv6, mappedAddress, tcp, udp } from '../support/frames.ts';
import { enterNewNetworkNamespace, type TestRun } from '../support/native.ts';
import {
  ACK,
  B,
  B6,
  hex,
  ledgerOf,
  openTable,
  patched,
  type Row,
  read,
  run,
  TCP,
  UDP,
  v4Row,
  v6Row,
} from './frame-runs.ts';

test.before(() => enterNewNetworkNamespace());

const SPELLS_IPV4 = '8.0.2.1'; // bytes 12 and 13 of the packet: 0x0800
const SPELLS_IPV6 = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0x86, 0xdd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const SPELLS_ARP = '8.6.2.1';

const payload = new Uint8Array(100);
const v4 = (protocol: number, body: Uint8Array, more: object = {}) =>
  ipv4({ src: SPELLS_IPV4, dst: B, protocol, ...more }, body);
const v6 = (next: number, body: Uint8Array) => ipv6(SPELLS_IPV6, B6, next, body);
const row4 = (fields: Partial<Row>) => v4Row({ src: hex(mappedAddress(SPELLS_IPV4)), ...fields });
const row6 = (fields: Partial<Row>) => v6Row({ src: hex(SPELLS_IPV6), ...fields });

const cases: { title: string; packet: Uint8Array; row: Row; context?: TestRun['context'] }[] = [
  {
    title: 'TCP over IPv4',
    packet: v4(TCP, tcp(40000, 443, ACK, payload)),
    row: row4({ srcPort: 40000, dstPort: 443, bytes: 20 + 20 + 100 }),
  },
  {
    title: 'UDP over IPv6',
    packet: v6(UDP, udp(6666, 7777, payload)),
    row: row6({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 40 + 8 + 100 }),
  },
  {
    title: 'IPv4 with options',
    packet: v4(UDP, udp(6666, 7777, payload), { options: new Uint8Array(8).fill(1) }),
    row: row4({ transport: UDP, srcPort: 6666, dstPort: 7777, bytes: 28 + 8 + 100 }),
  },
  {
    title: 'a transport without ports',
    packet: v4(47, payload),
    row: row4({ transport: 47, bytes: 20 + 100 }),
  },
  {
    title: 'a GSO packet: its headers begin with IP',
    packet: v4(TCP, tcp(40000, 443, ACK, new Uint8Array(3000))),
    context: { gsoSize: 1000 },
    row: row4({ srcPort: 40000, dstPort: 443, bytes: 3000 + 3 * (20 + 20), packets: 3 }),
  },
];

for (const { title, packet, row, context } of cases) {
  for (const direction of ['ingress', 'egress'] as const) {
    test.serial(`counts ${title} without an Ethernet header on ${direction}`, async (t) => {
      const table = await openTable(t);
      await run(table, packet, context, `${direction}_l3`);
      t.deepEqual((await read(table)).rows, [{ ...row, direction }]);
    });
  }
}

test.serial('what is not IP on such a device is in the ledger as not_ip', async (t) => {
  const table = await openTable(t);
  const packet = ipv4({ src: SPELLS_ARP, dst: B, protocol: UDP }, udp(1, 2, payload));
  await run(table, packet, {}, 'ingress_l3');
  t.deepEqual(ledgerOf((await read(table)).collected), {
    'filtered not_ip': { bytes: packet.length, packets: 1 },
  });
});

test.serial('a packet that contradicts its protocol or its length is malformed there as well', async (t) => {
  const table = await openTable(t);
  const packet = v4(UDP, udp(1, 2, payload));
  await run(table, patched(packet, 0, 0x60), {}, 'ingress_l3');
  await run(table, patched(packet, 2, 0, 129), {}, 'ingress_l3');
  const { rows, collected } = await read(table);
  t.deepEqual(rows, []);
  t.deepEqual(ledgerOf(collected), { 'lost malformed': { bytes: 2 * packet.length, packets: 2 } });
});
