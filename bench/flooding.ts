/**
 * What it costs to read flows that somebody chose: addresses that collide under the hash of the programs, which is
 * public, against as many that nobody chose. The programs look at a few slots only and count what finds none in the
 * map for overflow; a reader that looked for a free place in a table of that hash would walk past all others.
 */

import { flowColumns, openKernelTable } from '../native/index.ts';
import { ETHERTYPE_IPV6, ethernet, ipv6, udp } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun } from '../test/support/native.ts';

const FLOWS = 16_000;
const ROUNDS = 3;
const LOOPBACK = 1;
/** Of `flow_ends_hash` in bpf/flow.h: the first half of an address is multiplied by it and joins the second. */
const MULTIPLIER = 0xd6e8feb86659fd93n;
const HERE = new Uint8Array([0x20, 0x01, 0x0d, 0xb8, ...new Uint8Array(11), 1]);

enterNewNetworkNamespace();

function address(prefix: bigint, host: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, prefix, true);
  view.setBigUint64(8, BigInt.asUintN(64, host), true);
  return bytes;
}

const sources = {
  any: (flow: number) => address(0xb80d0120n, BigInt(flow) << 40n),
  chosen: (flow: number) =>
    address(0xb80d0120n | (BigInt(flow) << 40n), (0xb80d0120n | (BigInt(flow) << 40n)) * MULTIPLIER),
};

/** Milliseconds of CPU of the first read. */
async function firstRead(source: (flow: number) => Uint8Array) {
  const table = await openKernelTable({ maxFlows: 131_072 });
  const programId = table.programIds.network_ingress!;
  const datagram = udp(5000, 53, new Uint8Array(20));
  for (let flow = 0; flow < FLOWS; flow++) {
    const packet = ethernet(ETHERTYPE_IPV6, ipv6(source(flow), HERE, 17, datagram));
    await progTestRun({ programId, packet, repeat: 1, context: { ifindex: LOOPBACK } });
  }
  const columns = flowColumns(2 * FLOWS);
  const before = process.cpuUsage();
  const { rows } = await table.collect(columns);
  const { user, system } = process.cpuUsage(before);
  await table.close();
  if (rows !== FLOWS) throw new Error(`${rows} rows of ${FLOWS} flows`);
  return (user + system) / 1000;
}

for (const [name, source] of Object.entries(sources)) {
  const reads = [];
  for (let round = 0; round < ROUNDS; round++) reads.push(await firstRead(source));
  console.log(`${name.padEnd(6)}  ${FLOWS} flows, first read: ${Math.min(...reads).toFixed(1)} ms of CPU`);
}
