/**
 * What a program on a real path costs: a generator sends as fast as it can into a veth, pinned to one CPU, so that the
 * receiving side runs on the same CPU and within its time. The time a packet takes with a program on the receiving
 * interface, less the time without one, is the extra CPU of hook and program. Interleaved rounds, the minimum counts.
 */

import { fileURLToPath } from 'node:url';
import { listInterfaces, openKernelTable } from '../native/index.ts';
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
  const sockets = await openKernelTable({ maxFlows: 131_072, source: 'socket_filter' });
  // Whatever makes the programs do more for a packet that they count.
  const options = await openKernelTable({ maxFlows: 131_072, protocols: [6, 17], tunnels: 'outer' });
  const references = ['empty', 'hash'].map((name) => ({ name, ...loadPrograms(objectPath(name)) }));
  const eth0 = listInterfaces().find(({ name }) => name === 'eth0')!;
  const program = (id: number) => () => attachProgram(id, 'eth0', 'ingress');
  /** Each attaches, and returns what detaches. */
  const ways = new Map<string, () => () => void>([
    ['none', () => () => undefined],
    ...references.map(({ name, programIds }) => [name, program(programIds.count!)] as const),
    ['weir', program(table.programIds.network_ingress!)],
    ['options', program(options.programIds.network_ingress!)],
    [
      'socket',
      () => {
        sockets.attach(eth0, 'ingress');
        return () => sockets.detach(eth0.index, 'ingress');
      },
    ],
  ]);

  const nsOfPacket = (flows: number): number => {
    const order = ['eth0', flows, 1, PACKETS].map(String);
    const said = from.namespace.run('taskset', '--cpu-list', String(CPU), generator, ...order);
    const { packets, seconds } = JSON.parse(said) as { packets: number; seconds: number };
    return (seconds * 1e9) / packets;
  };

  console.log('flows   none ns  +empty  +weir  +options  +socket  +hash  weir/hash');
  for (const flows of FLOW_COUNTS) {
    const least = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, attach] of ways) {
        const detach = attach();
        least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, nsOfPacket(flows)));
        detach();
      }
    }
    const extra = (name: string) => least.get(name)! - least.get('none')!;
    const [weir, hash] = [extra('weir'), extra('hash')];
    const shown = [extra('empty'), weir, extra('options'), extra('socket'), hash];
    const numbers = shown.map((value) => value.toFixed(0).padStart(6)).join('  ');
    console.log(
      `${String(flows).padEnd(7)} ${least.get('none')!.toFixed(0).padStart(7)}   ${numbers}  ${(weir / hash).toFixed(2).padStart(9)}`,
    );
  }
  for (const one of [table, sockets, options]) await one.close();
  for (const { close } of references) close();
  removeNetworkNamespaces();
}

await main();
