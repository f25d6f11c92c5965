/**
 * How long it takes until a new interface is counted on: from before `ip link add` is started to when both programs hang
 * on it, one interface at a time under a running agent; and 500 made by one command.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { startAgent } from '../test/e2e/agent.ts';
import { attachedProgramCount } from '../test/support/native.ts';
import {
  createNetworkNamespace,
  type NetworkNamespace,
  removeNetworkNamespaces,
} from '../test/support/network-namespace.ts';

const ROUNDS = 30;
const BATCH = 500;
const CONFIG = `
receivers: {ebpf_network: {}}
exporters: {debug: }
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], exporters: [debug]}}
`;

const add = (name: string, peer: NetworkNamespace) => `link add ${name} type veth peer name ${name} netns ${peer.name}`;

/** Returns when both programs of each interface hang, with the times of that since `startMs`. */
async function attached(host: NetworkNamespace, names: readonly string[], startMs: number): Promise<number[]> {
  const timesMs: number[] = [];
  for (const name of names) {
    while (attachedProgramCount(host.name, name) < 2) await nextTurn();
    timesMs.push(performance.now() - startMs);
  }
  return timesMs;
}

const round = (ms: number) => ms.toFixed(0);

try {
  const [host, peer] = [createNetworkNamespace(), createNetworkNamespace()];
  const agent = await startAgent(host, CONFIG);
  const single: number[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    const startMs = performance.now();
    host.run('ip', ...add(`one${at}`, peer).split(' '));
    single.push(...(await attached(host, [`one${at}`], startMs)));
  }
  single.sort((a, b) => a - b);
  const [least, median, most] = [single[0]!, single[ROUNDS / 2]!, single.at(-1)!];
  console.log(`one at a time: min ${round(least)} ms, median ${round(median)} ms, max ${round(most)} ms`);

  const names = Array.from({ length: BATCH }, (_, at) => `many${at}`);
  const startMs = performance.now();
  host.run('sh', '-c', `ip -batch - <<'END'\n${names.map((name) => add(name, peer)).join('\n')}\nEND`);
  const madeMs = performance.now() - startMs;
  const allMs = (await attached(host, names, startMs)).at(-1)!;
  console.log(`${BATCH} at once: made after ${round(madeMs)} ms, all counted on after ${round(allMs)} ms`);
  await agent.stop();
} finally {
  removeNetworkNamespaces();
}
