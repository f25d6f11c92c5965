/**
 * What a packet costs in the kernel: the product's program over an empty one, beside the limit (parse and one array
 * increment) and the usual design (a hash map with two atomic adds and a clock read). All run over the same generated
 * packets by BPF_PROG_TEST_RUN, in interleaved rounds; the minimum of CPU time counts, and the ratios compare machines.
 */

import { fileURLToPath } from 'node:url';
import { flowColumns, type KernelTable, openKernelTable } from '../native/index.ts';
import { tcpFrame } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, loadPrograms, progTestRun, setFlowCount } from '../test/support/native.ts';

const FLOW_COUNTS = [1, 10_000, 100_000];
const ROUNDS = 9;
const RUNS = 2_000_000;
const FRAME = tcpFrame({ src: '10.0.0.1', dst: '10.0.0.2', srcPort: 1024, dstPort: 443, payloadBytes: 46 });

const objectPath = (name: string) => fileURLToPath(new URL(`../build/bpf/${name}.bpf.o`, import.meta.url));

async function nsOfRun(programId: number): Promise<number> {
  const [result] = await progTestRun({ programId, packet: FRAME, repeat: RUNS });
  return result!.cpuNs / RUNS;
}

/** Opens all flows, and lets the table grow to the size it keeps, before anything is timed. */
async function warmUp(programIds: readonly number[], table: KernelTable, flows: number): Promise<void> {
  for (const programId of programIds) {
    setFlowCount(programId, flows);
    await progTestRun({ programId, packet: FRAME, repeat: flows * 20 });
  }
  const columns = flowColumns(flows * 4 + 1000);
  for (let window = 0; window < 3; window++) {
    await progTestRun({ programId: table.programIds.generate_and_count!, packet: FRAME, repeat: flows * 4 });
    await table.collect(columns);
    await table.commit();
  }
}

async function main(): Promise<void> {
  enterNewNetworkNamespace();
  const references = ['empty', 'limit', 'hash'].map((name) => ({ name, ...loadPrograms(objectPath(name)) }));
  const programs = new Map(references.map(({ name, programIds }) => [name, programIds.generate_and_count!]));
  console.log('flows   limit ns  weir ns  hash ns  weir/limit  weir/hash');
  for (const flows of FLOW_COUNTS) {
    const table = await openKernelTable({ maxFlows: 131_072, idleWindows: 1, objectPath: objectPath('table') });
    programs.set('weir', table.programIds.generate_and_count!);
    await warmUp([...programs.values()], table, flows);
    const least = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, programId] of programs) {
        least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, await nsOfRun(programId)));
      }
    }
    const over = (name: string) => least.get(name)! - least.get('empty')!;
    const [limit, weir, hash] = [over('limit'), over('weir'), over('hash')];
    const numbers = [limit, weir, hash].map((value) => value.toFixed(1).padStart(7)).join('  ');
    const ratios = [weir / limit, weir / hash].map((value) => value.toFixed(2).padStart(9)).join('  ');
    console.log(`${String(flows).padEnd(7)} ${numbers}  ${ratios}`);
    await table.close();
  }
  for (const { close } of references) close();
}

await main();
