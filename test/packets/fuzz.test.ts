/**
 * Frames with bits flipped at random, through every program: whatever they are taken for, rows and ledger together have
 * each of them once, to the packet and the byte. Ten million take some seconds;
 * WEIR_FUZZ_FRAMES asks for another number.
 */

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { flowColumns, type HookDirection, type KernelTable, openKernelTable } from '../../native/index.ts';
import {
  concatBytes,
  ETHERTYPE_8021AD,
  ETHERTYPE_8021Q,
  ETHERTYPE_ARP,
  ethernet,
  ipv4,
  ipv6,
  ipv6Fragment,
  sctp,
  tagged,
  tcp,
  udp,
} from '../support/frames.ts';
import { enterNewNetworkNamespace, progTestRun } from '../support/native.ts';
import { A6, ACK, B, B6, ICMP, LOOPBACK, TCP, UDP, v4, v6 } from './frame-runs.ts';

const OBJECT = fileURLToPath(new URL('../../build/bpf/fuzz.bpf.o', import.meta.url));
const FRAMES = Number(process.env.WEIR_FUZZ_FRAMES ?? 10_000_000);
const SEGMENTS = 3;

test.before(() => enterNewNetworkNamespace());

const payload = new Uint8Array(60);
const header = (next: number) => concatBytes(new Uint8Array([next, 0]), new Uint8Array(6));
const udpBehindHeaders = concatBytes(header(43), header(60), header(UDP), udp(6666, 7777, payload));

const ethernetSeeds = [
  v4(TCP, tcp(40000, 443, ACK, payload, 12)),
  v4(UDP, udp(6666, 7777, payload), { options: new Uint8Array(12) }),
  v4(UDP, udp(6666, 7777, payload).subarray(0, 64), { moreFragments: true }),
  v4(UDP, payload, { fragmentOffset: 8 }),
  v4(ICMP, payload),
  v4(132, sctp(5000, 5001, payload)),
  v6(TCP, tcp(40000, 443, ACK, payload)),
  v6(0, udpBehindHeaders),
  v6(44, ipv6Fragment(UDP, 0, true, 1, udp(6666, 7777, payload).subarray(0, 64))),
  v6(44, ipv6Fragment(UDP, 8, false, 1, payload)),
  tagged(ETHERTYPE_8021Q, 5, v4(UDP, udp(6666, 7777, payload))),
  tagged(ETHERTYPE_8021AD, 9, tagged(ETHERTYPE_8021Q, 5, v6(UDP, udp(6666, 7777, payload)))),
  tagged(ETHERTYPE_8021Q, 5, v6(0, udpBehindHeaders)).subarray(0, 80),
  ethernet(ETHERTYPE_ARP, payload),
];
// The kernel takes their protocol from where the source address has it: see link-types.test.ts.
const spellsIpv6 = Uint8Array.from(A6, (byte, at) => [0x86, 0xdd][at - 4] ?? byte);
const ipSeeds = [
  ipv4({ src: '8.0.0.1', dst: B, protocol: TCP }, tcp(40000, 443, ACK, payload, 12)),
  ipv4({ src: '8.0.0.1', dst: B, protocol: UDP, moreFragments: true }, udp(6666, 7777, payload)),
  ipv6(spellsIpv6, B6, UDP, udp(6666, 7777, payload)),
  ipv6(spellsIpv6, B6, 0, udpBehindHeaders),
];

/** Rows and ledger of one direction. */
async function counted(table: KernelTable, direction: HookDirection) {
  const { complete, sums, ledger } = await table.collect(flowColumns(300_000));
  if (!complete) throw new Error('more rows than the arrays hold');
  const amounts = [
    ...sums.filter((sum) => sum.direction === direction),
    ...ledger
      .filter((row) => row.direction === direction)
      .flatMap(({ filtered, lost }) => [...Object.values(filtered), ...Object.values(lost)]),
  ];
  return {
    bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
    packets: amounts.reduce((sum, { packets }) => sum + packets, 0),
    malformed: ledger.reduce((sum, { lost }) => sum + lost.malformed.packets, 0),
  };
}

const programs: [string, HookDirection, readonly Uint8Array[]][] = [
  ['fuzz_ingress', 'ingress', ethernetSeeds],
  ['fuzz_egress', 'egress', ethernetSeeds],
  ['fuzz_ingress_l3', 'ingress', ipSeeds],
  ['fuzz_egress_l3', 'egress', ipSeeds],
];

for (const [program, direction, seeds] of programs) {
  test.serial(`${program}: no changed frame is missing or counted twice`, async (t) => {
    const table = await openKernelTable({ maxFlows: 131_072, objectPath: OBJECT });
    t.teardown(() => table.close());
    const repeat = Math.ceil(FRAMES / programs.length / seeds.length);
    const programId = table.programIds[program]!;
    for (const packet of seeds) {
      const [result] = await progTestRun({ programId, packet, repeat, context: { ifindex: LOOPBACK } });
      t.is(result!.retval, -1);
    }
    const { bytes, packets, malformed } = await counted(table, direction);
    t.is(packets, seeds.length * repeat);
    t.is(bytes, repeat * seeds.reduce((sum, { length }) => sum + length, 0));
    t.true(malformed > 0 && malformed < packets, 'some were taken for malformed, others not');
  });
}

test.serial('a changed frame of several segments counts as those segments, whatever it is taken for', async (t) => {
  const table = await openKernelTable({ maxFlows: 131_072, objectPath: OBJECT });
  t.teardown(() => table.close());
  const context = { ifindex: LOOPBACK, gsoSize: 40, gsoSegs: SEGMENTS };
  const repeat = 1000;
  for (const packet of ethernetSeeds) {
    await progTestRun({ programId: table.programIds.fuzz_ingress!, packet, repeat, context });
  }
  t.is((await counted(table, 'ingress')).packets, ethernetSeeds.length * repeat * SEGMENTS);
});
