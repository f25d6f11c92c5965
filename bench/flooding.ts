/**
 * What it costs to read flows that somebody chose so that they collide under the hash in the source of the programs, against
 * as many that nobody chose. The programs look at 16 slots and then use the overflow map, which holds 16,384 flows; a
 * reader that looked for a free place in tables of such a hash would walk past all others.
 */

import { flowColumns, openKernelTable } from '../native/index.ts';
import { anySource, chosenSource } from '../test/support/chosen-sources.ts';
import { ETHERTYPE_IPV6, ethernet, ipv6, udp } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun } from '../test/support/native.ts';

const FLOWS = 16_000;
const ROUNDS = 3;
const LOOPBACK = 1;

enterNewNetworkNamespace();

/** Milliseconds of CPU of the first read. */
async function firstRead(source: (flow: number) => Uint8Array): Promise<number> {
  const table = await openKernelTable({ maxFlows: 131_072 });
  const programId = table.programIds.network_ingress!;
  const datagram = udp(5000, 53, new Uint8Array(20));
  for (let flow = 0; flow < FLOWS; flow++) {
    const packet = ethernet(ETHERTYPE_IPV6, ipv6(source(flow), anySource(0), 17, datagram));
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

for (const [name, source] of [
  ['any', anySource],
  ['chosen', chosenSource],
] as const) {
  const reads = [];
  for (let round = 0; round < ROUNDS; round++) reads.push(await firstRead(source));
  console.log(`${name.padEnd(6)}  ${FLOWS} flows, first read: ${Math.min(...reads).toFixed(1)} ms of CPU`);
}
