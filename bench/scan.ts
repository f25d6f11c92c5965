/** How long one collect takes over 100,000 flows that all had packets, with no packets coming meanwhile. */

import { fileURLToPath } from 'node:url';
import { flowColumns, openKernelTable } from '../native/index.ts';
import { udpFrame } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun, setFlowCount } from '../test/support/native.ts';

const FLOWS = 100_000;
const ROUNDS = 15;
const FRAME = udpFrame({ src: '10.0.0.1', dst: '10.0.0.2', srcPort: 1024, dstPort: 53, payloadBytes: 58 });

enterNewNetworkNamespace();
const objectPath = fileURLToPath(new URL('../build/bpf/table.bpf.o', import.meta.url));
const table = await openKernelTable({ maxFlows: 131_072, objectPath });
const programId = table.programIds.generate_and_count!;
setFlowCount(programId, FLOWS);
const columns = flowColumns(FLOWS * 4);

const scanMs: number[] = [];
let rows = 0;
let slots = 0;
for (let round = 0; round < ROUNDS; round++) {
  await progTestRun({ programId, packet: FRAME, repeat: FLOWS * 20 });
  const collected = await table.collect(columns);
  await table.commit();
  ({ rows, slots } = collected);
  scanMs.push(collected.scanNs / 1e6);
}
// The first rounds see the table grow and every flow for the first time.
const steady = scanMs.slice(5).sort((a, b) => a - b);
console.log(`rows ${rows}  slots ${slots}`);
console.log(`first scan ${scanMs[0]!.toFixed(2)} ms, with every endpoint new`);
console.log(
  `steady scan: min ${steady[0]!.toFixed(2)} ms, median ${steady[Math.floor(steady.length / 2)]!.toFixed(2)} ms`,
);
await table.close();
