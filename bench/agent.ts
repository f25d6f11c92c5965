/**
 * The whole agent under a packet generator: 100,000 packets a second of 100-byte UDP frames over N uniform flows into a
 * veth, the agent at the other end in a namespace of its own with 5 s reads, points by 5-tuple, OTLP over gRPC to a sink
 * on its loopback. Prints bytes got of bytes sent, CPU of the agent (1.00 is one core) and its resident memory.
 *
 *   [BENCH_SECONDS=30] [BENCH_TEMPORALITY=delta|cumulative] npm run bench:agent
 */

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startAgent } from '../test/e2e/agent.ts';
import { createNetworkNamespace, joinByVeth, type NetworkNamespace } from '../test/support/network-namespace.ts';
import { cpuSecondsOf, memoryMbOf } from './tools/process-figures.ts';

const FLOW_COUNTS = (process.env.BENCH_FLOWS ?? '0,100,10000,20000,100000').split(',').map(Number);
const WARM_UP_S = 6;

const generator = fileURLToPath(new URL('../build/bench/generate', import.meta.url));
const sinkProgram = fileURLToPath(new URL('tools/sum-sink.ts', import.meta.url));

const measuredS = Number(process.env.BENCH_SECONDS ?? 30);
const cumulative = process.env.BENCH_TEMPORALITY === 'cumulative';

const config = `
receivers:
  ebpf_network: {interfaces: [eth0]}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [src.address, src.port, dst.address, dst.port, transport]}
      beyla_network_flow_packets: {include: [src.address, src.port, dst.address, dst.port, transport]}
  delta_to_cumulative: {max_streams: 1000000}
exporters:
  otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}
service:
  pipelines:
    metrics:
      receivers: [ebpf_network]
      processors: [attribute_select${cumulative ? ', delta_to_cumulative' : ''}]
      exporters: [otlp_grpc]
`;

interface Sent {
  readonly packets: number;
  readonly bytes: number;
}

async function generate(from: NetworkNamespace, flows: number, seconds: number): Promise<Sent> {
  const child = from.spawn(generator, ['eth0', String(flows), String(seconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  await once(child, 'close');
  return JSON.parse(said) as Sent;
}

async function measure(flows: number): Promise<string> {
  const [from, to] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const { namespace } = to;
  const sink = namespace.spawn(process.execPath, [sinkProgram, '127.0.0.1:4317'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let sums = '';
  sink.stdout!.setEncoding('utf8').on('data', (text) => {
    sums += text;
  });
  await once(sink.stdout!, 'data'); // it says when it listens
  const startMs = performance.now();
  const agent = await startAgent(namespace, config);
  const readyS = (performance.now() - startMs) / 1000;

  const sending = flows === 0 ? undefined : generate(from.namespace, flows, WARM_UP_S + measuredS);
  await delay(WARM_UP_S * 1000);
  const before = cpuSecondsOf(agent.pid);
  const beforeMs = performance.now();
  await delay(measuredS * 1000 - 500);
  const cpu = (cpuSecondsOf(agent.pid) - before) / ((performance.now() - beforeMs) / 1000);
  const [rss, peak] = [memoryMbOf(agent.pid, 'VmRSS'), memoryMbOf(agent.pid, 'VmHWM')];
  const sent = (await sending) ?? { packets: 0, bytes: 0 };
  await agent.stop();
  sink.kill('SIGTERM');
  await once(sink, 'close');
  const got = JSON.parse(sums.trim().split('\n').at(-1)!) as Sent;
  for (const host of [from.namespace, namespace]) host.remove();

  const share = sent.bytes === 0 ? '' : `${((100 * got.bytes) / sent.bytes).toFixed(3)} %`;
  return [
    String(flows).padStart(7),
    String(sent.bytes).padStart(12),
    String(got.bytes).padStart(12),
    share.padStart(10),
    cpu.toFixed(3).padStart(7),
    rss.toFixed(0).padStart(7),
    peak.toFixed(0).padStart(8),
    readyS.toFixed(2).padStart(8),
  ].join(' ');
}

console.log('  flows   bytes sent    bytes got       got     CPU  RSS MB  peak MB  ready s');
for (const flows of FLOW_COUNTS) console.log(await measure(flows));
