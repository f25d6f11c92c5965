/** Sampling in the programs: how many packets are taken, that the ledger has the others, and what it costs when it is off. */

import { execFileSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { LOOPBACK, ledgerOf, read, TCP, UDP, v4, v4Row } from '../test/packets/frame-runs.ts';
import { lessWhenEmulated } from '../test/support/emulated.ts';
import { concatBytes, ETHERTYPE_ARP, ethernet, tcp, udp } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun } from '../test/support/native.ts';
import { type KernelTable, openKernelTable } from './index.ts';

const PACKETS = lessWhenEmulated(1_000_000);
const RATIO = 10;
/** Standard deviations of the binomial distribution: what lies beyond never happens. */
const SIGMAS = 10;

test.before(() => enterNewNetworkNamespace());

async function open(t: ExecutionContext, sampling: number | undefined, protocols?: readonly number[]) {
  const table = await openKernelTable({
    maxFlows: 1024,
    ...(sampling === undefined ? {} : { sampling }),
    ...(protocols === undefined ? {} : { protocols }),
  });
  t.teardown(() => table.close());
  return table;
}

const send = (table: KernelTable, packet: Uint8Array, repeat: number, context: { gsoSize?: number } = {}) =>
  progTestRun({
    programId: table.programIds.network_ingress!,
    packet,
    repeat,
    context: { ifindex: LOOPBACK, ...context },
  });

const frame = v4(UDP, udp(5353, 53, new Uint8Array(100)));
const segments = v4(TCP, tcp(40_000, 443, 0x10, new Uint8Array(3000)));

test('one packet in N is counted, rows are scaled up, and the ledger has each of the others', async (t) => {
  const table = await open(t, RATIO);
  await send(table, frame, PACKETS);
  const { rows, collected } = await read(table);
  const [row] = rows;
  const [sum] = collected.sums;
  const taken = sum!.packets;
  t.true(Math.abs(taken - PACKETS / RATIO) < SIGMAS * Math.sqrt((PACKETS / RATIO) * (1 - 1 / RATIO)), `${taken}`);
  const scaled = { packets: RATIO * taken, bytes: RATIO * taken * frame.length };
  t.deepEqual(row, v4Row({ transport: UDP, srcPort: 5353, dstPort: 53, ...scaled }));
  t.like(sum, { bytes: taken * frame.length });
  const sampled = { packets: PACKETS - taken, bytes: (PACKETS - taken) * frame.length };
  t.deepEqual(ledgerOf(collected), { sampled });
});

test('segments of a large packet are taken or left out together', async (t) => {
  const table = await open(t, 2);
  const runs = 1000;
  const onWire = { packets: 3, bytes: 3 * 54 + 3000 };
  await send(table, segments, runs, { gsoSize: 1000 });
  const { collected } = await read(table);
  const taken = collected.sums[0]!;
  const { sampled } = ledgerOf(collected);
  t.is(taken.packets % onWire.packets, 0);
  t.true(taken.packets > 0 && sampled!.packets > 0);
  t.is(taken.packets + sampled!.packets, runs * onWire.packets);
  t.is(taken.bytes + sampled!.bytes, runs * onWire.bytes);
});

test('what would not be a flow is filtered or lost before anything is sampled', async (t) => {
  const table = await open(t, 1_000_000, [UDP]);
  const arp = ethernet(ETHERTYPE_ARP, new Uint8Array(46));
  const cutOff = v4(TCP, new Uint8Array(10));
  for (const packet of [segments, arp, cutOff]) await send(table, packet, 100);
  const { rows, collected } = await read(table);
  t.deepEqual(rows, []);
  t.deepEqual(ledgerOf(collected), {
    'filtered protocol': { packets: 100, bytes: 100 * segments.length },
    'filtered not_ip': { packets: 100, bytes: 100 * arp.length },
    'lost malformed': { packets: 100, bytes: 100 * cutOff.length },
  });
});

test('later fragments of a datagram find its ports, also where the first one was sampled out', async (t) => {
  const table = await open(t, 3);
  const datagram = udp(5353, 53, concatBytes(new Uint8Array(1200)));
  const first = v4(UDP, datagram.subarray(0, 808), { moreFragments: true });
  const last = v4(UDP, datagram.subarray(808), { fragmentOffset: 101 });
  for (let run = 0; run < 50; run++) {
    await send(table, first, 1);
    await send(table, last, 1);
  }
  const { rows } = await read(table);
  t.deepEqual(
    rows.map(({ srcPort, dstPort }) => [srcPort, dstPort]),
    [[5353, 53]],
  );
});

/** The programs as the verifier left them: what can never run is gone. */
function instructionsOf({ programIds }: KernelTable): readonly string[] {
  return Object.values(programIds).flatMap((id) =>
    execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', String(id)], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => /^\s*\d+: /.test(line)),
  );
}

test('a program that does not sample has no instruction for it', async (t) => {
  const [plain, one, sampling] = [await open(t, undefined), await open(t, 1), await open(t, RATIO)].map(instructionsOf);
  const random = (lines: readonly string[]) => lines.filter((line) => /rnd_u32/.test(line)).length;
  t.is(random(plain!), 0);
  t.is(plain!.length, one!.length);
  t.true(sampling!.length > plain!.length);
  t.true(random(sampling!) > 0);
});
