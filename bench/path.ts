/**
 * What a program on a real path costs: a generator sends as fast as it can into a veth, pinned to one CPU, so that the
 * receiving side runs on the same CPU and within its time. The time a packet takes with a program on the receiving
 * interface, less the time without one, is the extra CPU of hook and program. Interleaved rounds, the minimum counts.
 */

import { fileURLToPath } from 'node:url';
import { openKernelTable } from '../native/index.ts';
import { attachProgram, enterNetworkNamespace, loadPrograms } from '../test/support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../test/support/network-namespace.ts';

const FLOW_COUNTS = [10, 10_000];
const ROUNDS = 5;
/** More than the path can take: a round is as long as these packets need. */
const PACKETS = 1_500_000;
const CPU = 1;

const generator = fileURLToPath(new URL('../build/bench/generate', import.meta.url));
const objectPath = (name: string) => fileURLToPath(new URL(`../build/bpf/${name}.bpf.o`, import.meta.url));

async function main(): Promise<void> {
  const [from, to] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  enterNetworkNamespace(to.namespace.name);
  const table = await openKernelTable({ maxFlows: 131_072 });
  const programs = new Map<string, number | undefined>([['none', undefined]]);
  const references = ['empty', 'hash'].map((name) => ({ name, ...loadPrograms(objectPath(name)) }));
  for (const { name, programIds } of references) programs.set(name, programIds.count!);
  programs.set('weir', table.programIds.network_ingress!);

  const nsOfPacket = (flows: number): number => {
    const order = ['eth0', flows, 1, PACKETS].map(String);
    const said = from.namespace.run('taskset', '--cpu-list', String(CPU), generator, ...order);
    const { packets, seconds } = JSON.parse(said) as { packets: number; seconds: number };
    return (seconds * 1e9) / packets;
  };

  console.log('flows   none ns  +empty  +weir  +hash  weir/hash');
  for (const flows of FLOW_COUNTS) {
    const least = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, programId] of programs) {
        const detach = programId === undefined ? () => undefined : attachProgram(programId, 'eth0', 'ingress');
        least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, nsOfPacket(flows)));
        detach();
      }
    }
    const extra = (name: string) => least.get(name)! - least.get('none')!;
    const [empty, weir, hash] = [extra('empty'), extra('weir'), extra('hash')];
    const numbers = [empty, weir, hash].map((value) => value.toFixed(0).padStart(5)).join('  ');
    console.log(
      `${String(flows).padEnd(7)} ${least.get('none')!.toFixed(0).padStart(7)}   ${numbers}  ${(weir / hash).toFixed(2).padStart(9)}`,
    );
  }
  await table.close();
  for (const { close } of references) close();
  removeNetworkNamespaces();
}

await main();
