/**
 * Frames that lie about their lengths or end too early are lost as malformed, with every byte, and make no flow: not
 * even one from what lies in the padding behind them.
 */

import test from 'ava';
import {
  type Collected,
  flowColumns,
  type HookDirection,
  type KernelTable,
  openKernelTable,
} from '../../native/index.ts';
import {
  concatBytes,
  ETHERTYPE_8021Q,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethernet,
  ipv6Fragment,
  tagged,
  tcp,
  udp,
} from '../support/frames.ts';
import { enterNewNetworkNamespace } from '../support/native.ts';
import { ACK, ICMP, ICMPV6, ledgerOf, patched, read, run, TCP, UDP, v4, v6 } from './frame-runs.ts';

// One table for all: none of these frames may make a row, and the ledger tells each from the one before.
let table: KernelTable;
test.before(async () => {
  enterNewNetworkNamespace();
  table = await openKernelTable({ maxFlows: 1024 });
});
test.after.always(() => table.close());

const lostOf = (collected: Collected, direction: HookDirection) =>
  ledgerOf(collected, direction)['lost malformed'] ?? { bytes: 0, packets: 0 };

const IP = 14;
const V4_LENGTH = IP + 2;
const V6_LENGTH = IP + 4;
const payload = new Uint8Array(40);
const tcp4 = v4(TCP, tcp(40000, 443, ACK, payload));
const udp4 = v4(UDP, udp(6666, 7777, payload));
const tcp6 = v6(TCP, tcp(40000, 443, ACK, payload));
const udp6 = v6(UDP, udp(6666, 7777, payload));
const options = (next: number, length = 0) => concatBytes(new Uint8Array([next, length]), new Uint8Array(6));
// The kernel runs no program over a plain frame that ends before its IP header does.
const inTag = (frame: Uint8Array) => tagged(ETHERTYPE_8021Q, 5, frame);
const lengthOfUdp4 = IP + 20 + 4;

const cases: Record<string, Uint8Array> = {
  'IPv4 of another version': patched(tcp4, IP, 0x55),
  'IPv4 with a header shorter than 20 bytes': patched(tcp4, IP, 0x44),
  'IPv4 with a header longer than itself': patched(v4(TCP, new Uint8Array(16)), IP, 0x4f),
  'IPv4 that says it is longer than its frame': patched(tcp4, V4_LENGTH, 0, 81),
  'IPv4 that says it is shorter than its header': patched(tcp4, V4_LENGTH, 0, 19),
  'IPv4 without a length': patched(tcp4, V4_LENGTH, 0, 0),
  'IPv4 cut off in its header': inTag(ethernet(ETHERTYPE_IPV4, new Uint8Array([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6]))),
  'TCP that lies in the padding': patched(tcp4, V4_LENGTH, 0, 20),
  'TCP whose header reaches into the padding': patched(tcp4, V4_LENGTH, 0, 39),
  'TCP whose options reach into the padding': patched(v4(TCP, tcp(1, 2, ACK, payload, 12)), V4_LENGTH, 0, 51),
  'TCP with a header shorter than 20 bytes': patched(tcp4, IP + 20 + 12, 4 << 4),
  'TCP cut off in its header': v4(TCP, new Uint8Array(10)),
  'UDP that lies in the padding': patched(udp4, V4_LENGTH, 0, 27),
  'UDP that says it is longer than its packet': patched(udp4, lengthOfUdp4, 0, 49),
  'UDP that says it is shorter than its header': patched(udp4, lengthOfUdp4, 0, 7),
  'UDP without a length': patched(udp4, lengthOfUdp4, 0, 0),
  'UDP cut off in its header': v4(UDP, new Uint8Array(4)),
  'UDP that is too long, behind options': patched(
    v4(UDP, udp(1, 2, payload), { options: new Uint8Array(4) }),
    lengthOfUdp4 + 4,
    1,
  ),
  'ICMP cut off in its header': v4(ICMP, new Uint8Array(4)),
  'SCTP cut off in its header': v4(132, new Uint8Array(8)),
  'IPv6 of another version': patched(tcp6, IP, 0x40),
  'IPv6 that says it is longer than its frame': patched(tcp6, V6_LENGTH, 0, 61),
  'IPv6 without a length': patched(tcp6, V6_LENGTH, 0, 0),
  'IPv6 cut off in its header': inTag(ethernet(ETHERTYPE_IPV6, new Uint8Array(39).fill(0x60))),
  'TCP over IPv6 that lies in the padding': patched(tcp6, V6_LENGTH, 0, 19),
  'UDP over IPv6 that says it is longer than its packet': patched(udp6, IP + 40 + 4, 0, 49),
  'ICMPv6 cut off in its header': v6(ICMPV6, new Uint8Array(7)),
  'an IPv6 option header longer than the packet': v6(0, concatBytes(options(UDP, 200), udp(1, 2, payload))),
  'an IPv6 option header that lies in the padding': patched(v6(0, options(UDP)), V6_LENGTH, 0, 7),
  'more IPv6 headers than there are kinds': v6(
    60,
    concatBytes(...Array.from({ length: 9 }, () => options(60)), payload),
  ),
  'a first IPv6 fragment without the ports': v6(44, ipv6Fragment(UDP, 0, true, 1, new Uint8Array(7))),
  'an IPv6 fragment cut off in its header': v6(44, new Uint8Array(7)),
  'a first IPv4 fragment without the ports': v4(UDP, new Uint8Array(7), { moreFragments: true }),
  'a tag without anything behind it': inTag(ethernet(ETHERTYPE_IPV4, new Uint8Array())).subarray(0, 17),
  'a tagged frame that says it is longer than it is': inTag(patched(tcp4, V4_LENGTH, 0, 81)),
};

for (const [title, frame] of Object.entries(cases)) {
  test.serial(`${title} is malformed, whichever way it goes`, async (t) => {
    for (const direction of ['ingress', 'egress'] as const) {
      const before = lostOf(await table.collect(flowColumns(100)), direction);
      await run(table, frame, {}, direction);
      const { rows, collected } = await read(table);
      await table.commit();
      t.deepEqual(rows, []);
      const { bytes, packets } = lostOf(collected, direction);
      t.deepEqual([bytes - before.bytes, packets - before.packets], [frame.length, 1], direction);
    }
  });
}

test.serial('a malformed GSO packet counts as the segments it says it has', async (t) => {
  const before = lostOf(await table.collect(flowColumns(100)), 'ingress');
  await run(table, patched(tcp4, V4_LENGTH, 0, 81), { gsoSize: 20, gsoSegs: 2 });
  t.is(lostOf((await read(table)).collected, 'ingress').packets - before.packets, 2);
});
