/**
 * The whole agent as a process inside a namespace of a test, and an OTLP server beside it on that namespace's loopback,
 * which the agent does not count.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBlock } from '../../core/config/block.ts';
import { createLogger } from '../../core/telemetry/log.ts';
import { schema } from '../../receiver/ebpf_network/config.ts';
import { agentResource, resourceSources } from '../../receiver/ebpf_network/resource.ts';
import type { Certificate } from '../support/certificate.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { programOf } from '../support/programs.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { until } from '../support/until.ts';

export { until };

const MAIN = programOf('cli/main.ts');
const SINK = programOf('test/support/otlp-sink.ts');
const READY = 'Everything is ready. Begin running and processing data.';

/** A process in a namespace has mounts of its own, so this /run, where a pod has its service account, is the agent's. */
const MOUNT_ACCOUNT = `mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io &&
  ln -s "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"`;

/** What a pod gives to the process in it. */
export interface AgentSurroundings {
  readonly environment?: Readonly<Record<string, string>>;
  /** Holds `token` and `ca.crt`, which may change while the agent runs. */
  readonly serviceAccountFolder?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Agent {
  readonly pid: number;
  /** What it has said so far on standard error. */
  said(): string;
  /** What it has printed so far on standard output. */
  printed(): string;
  /** Sends SIGINT, as Ctrl-C does, and waits for the end. */
  stop(): Promise<Ended>;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<Ended>;
}

/** Starts `weir --config` with this text; resolves when every program is attached and every component runs. */
export async function startAgent(
  namespace: NetworkNamespace,
  yaml: string,
  surroundings: AgentSurroundings = {},
): Promise<Agent> {
  const running = runAgent(namespace, yaml, surroundings);
  const ended = running.ended.then(({ code, stderr }) => {
    throw new Error(`the agent ended with code ${code} before it was ready:\n${stderr}`);
  });
  const ready = until('the agent is ready', () => running.said().includes(READY));
  await Promise.race([ready, ended]);
  const end = (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    return running.ended;
  };
  ended.catch(() => undefined); // from here on its end is what stop() waits for
  return {
    pid: running.child.pid!,
    said: running.said,
    printed: running.printed,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
  };
}

/** Starts the agent and waits for nothing: for configurations that it refuses. */
export function runAgent(namespace: NetworkNamespace, yaml: string, surroundings: AgentSurroundings = {}) {
  const { environment = {}, serviceAccountFolder } = surroundings;
  const folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
  const file = join(folder, 'collector.yaml');
  writeFileSync(file, yaml);
  const agent = [process.execPath, MAIN, '--config', file];
  const [command = '', ...rest] =
    serviceAccountFolder === undefined ? agent : ['sh', '-c', MOUNT_ACCOUNT, serviceAccountFolder, ...agent];
  const env = { ...process.env, ...environment };
  const child = namespace.spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const stdout = textOf(child, 'stdout');
  const stderr = textOf(child, 'stderr');
  const ended = once(child, 'close').then(([code]): Ended => {
    rmSync(folder, { recursive: true, force: true });
    return { code: code as number | null, stdout: stdout(), stderr: stderr() };
  });
  return { child, said: stderr, printed: stdout, ended, file };
}

export interface Sink {
  /** Points accepted so far. */
  points(): ReceivedPoint[];
  /** Bodies of the requests accepted so far. */
  bodies(): Buffer[];
  /** From now on every request is answered UNAVAILABLE or 503. */
  refuse(): void;
  accept(): void;
  /** From now on points are taken, and nobody is told; until `answer`. */
  hold(): void;
  answer(): void;
  stop(): void;
}

export interface SinkPlace {
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly tls?: Certificate;
}

/** An OTLP server at port 4317 (gRPC) and 4318 (HTTP) of the namespace. */
export async function startSink(
  namespace: NetworkNamespace,
  { address = '127.0.0.1', tls }: SinkPlace = {},
): Promise<Sink> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
  const out = join(folder, 'points.jsonl');
  const bodies = join(folder, 'bodies');
  const refusal = join(folder, 'refuse');
  const silence = join(folder, 'hold');
  const places = ['--grpc', `${address}:4317`, '--http', `${address}:4318`, '--out', out, '--refuse-while', refusal];
  places.push('--bodies', bodies);
  if (tls !== undefined) {
    for (const part of ['key', 'cert'] as const) {
      writeFileSync(join(folder, part), tls[part]);
      places.push(`--${part}`, join(folder, part));
    }
  }
  places.push('--hold-while', silence);
  const child = namespace.spawn(process.execPath, [SINK, ...places], { stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = textOf(child, 'stdout');
  await until('the sink listens', () => printed().includes('\n'));
  return {
    points: () => linesOf(out).map(pointOf),
    bodies: () => linesOf(bodies).map((line) => Buffer.from(line, 'base64')),
    refuse: () => writeFileSync(refusal, ''),
    accept: () => rmSync(refusal),
    hold: () => writeFileSync(silence, ''),
    answer: () => rmSync(silence),
    stop: () => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whole lines only: the last one may be half written. */
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []);

/** The points of the receiver of this id, among those of several. */
export async function pointsOfReceiver(points: readonly ReceivedPoint[], id: string): Promise<ReceivedPoint[]> {
  const { config } = decodeBlock(schema, undefined);
  const { attributes } = agentResource(config, await resourceSources(config, id, undefined), createLogger());
  return points.filter(({ resource }) => resource['service.instance.id'] === attributes['service.instance.id']);
}

/** Sums of the values of one metric, by the attributes named, joined by a space; absent ones are `-`. */
export function sumsBy(points: readonly ReceivedPoint[], metric: string, attributes: readonly string[]) {
  const sums = new Map<string, number>();
  for (const point of points) {
    if (point.metric !== metric) continue;
    const key = attributes.map((name) => point.attributes[name] ?? '-').join(' ');
    sums.set(key, (sums.get(key) ?? 0) + point.value);
  }
  return sums;
}

function pointOf(line: string): ReceivedPoint {
  const { startNs, timeNs, ...rest } = JSON.parse(line);
  return { ...rest, startNs: BigInt(startNs), timeNs: BigInt(timeNs) };
}

function textOf(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  let text = '';
  child[stream]?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}
