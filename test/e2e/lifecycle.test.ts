/** What the agent leaves behind: nothing, however it ends. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
} from '../support/network-namespace.ts';
import { icmpEchoes } from '../support/traffic.ts';
import { runAgent, startAgent, until } from './agent.ts';

test.after.always(removeNetworkNamespaces);

const configWith = (keys: string) => `
receivers:
  ebpf_network: {cache_active_timeout: 200ms${keys}}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [src.address, dst.address, server.port, transport, direction]}
  delta_to_cumulative:
exporters:
  debug: {verbosity: normal}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select, delta_to_cumulative], exporters: [debug]}
`;
const CONFIG = configWith('');
const CLSACT = configWith(', traffic_control_backend: tc');

/** What hangs on the namespace's interfaces, in the words of the two tools that show it. */
function attached(namespace: NetworkNamespace): string {
  const filters = ['ingress', 'egress'].map((hook) => namespace.run('tc', 'filter', 'show', 'dev', 'eth0', hook));
  return [namespace.run('bpftool', 'net', 'show'), namespace.run('tc', 'qdisc', 'show'), ...filters].join('\n');
}

/**
 * Programs and links that a process holds, as arguments for bpftool: its 7.1 does not show tcx in `bpftool net`, so they
 * are followed by id.
 */
function heldBy(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((descriptor) => {
    const info = textOf(`/proc/${pid}/fdinfo/${descriptor}`);
    return ['prog', 'link'].flatMap((kind) => {
      const id = new RegExp(`^${kind}_id:\\s*(\\d+)$`, 'm').exec(info)?.[1];
      return id === undefined ? [] : [`${kind} ${id}`];
    });
  });
}

/** Empty for a descriptor that was closed between being listed and being read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function exists(held: string): boolean {
  const [kind = '', id = ''] = held.split(' ');
  return spawnSync('bpftool', [kind, 'show', 'id', id]).status === 0;
}

function pair() {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  return { client, server };
}

test.serial('prints flows while it runs; Ctrl-C detaches everything and prints the ledger', async (t) => {
  const { client, server } = pair();
  const before = attached(server.namespace);
  const agent = await startAgent(server.namespace, CONFIG);
  const held = heldBy(agent.pid);
  t.is(held.filter((object) => object.startsWith('link')).length, 2, 'ingress and egress of eth0');
  t.true(held.every(exists));

  icmpEchoes({ client, server, family: 'ipv4', echoes: 10, payloadBytes: 56 });
  const attributes = `src.address=${client.ipv4},dst.address=${server.ipv4},transport=ICMP,direction=request`;
  await until('the flow is printed', () => agent.printed().includes(`beyla.network.flow.bytes{${attributes}} 980 By`));

  const { code, stderr } = await agent.stop();
  t.is(code, 0);
  t.regex(
    stderr,
    /^ledger {2}eth0 {3}seen 1,960 B {2}20 pkt {3}exported 1,960 B {3}filtered 0 {3}sampled 0 {3}lost 0$/m,
  );
  t.is(attached(server.namespace), before);
  t.false(held.some(exists));
});

test.serial('a killed agent leaves no program behind', async (t) => {
  const { server } = pair();
  const before = attached(server.namespace);
  const agent = await startAgent(server.namespace, CONFIG);
  const held = heldBy(agent.pid);
  t.true(held.length > 0 && held.every(exists));

  process.kill(agent.pid, 'SIGKILL');
  // The kernel unloads what the process held a moment after it is gone.
  await until('its programs are unloaded', () => !held.some(exists));
  t.is(attached(server.namespace), before);
});

test.serial('a signal during the start stops it, and nothing stays attached', async (t) => {
  const { server } = pair();
  const before = attached(server.namespace);
  const { child, ended } = runAgent(server.namespace, CONFIG);
  let held: string[] = [];
  await until('it has loaded its programs', () => {
    held = heldBy(child.pid!);
    return held.length > 0;
  });
  child.kill('SIGTERM');

  t.is((await ended).code, 0);
  t.false(held.some(exists));
  t.is(attached(server.namespace), before);
});

test.serial(
  'clsact filters stand while the agent runs, and at its end they are gone, and clsact with them',
  async (t) => {
    const { client, server } = pair();
    const before = attached(server.namespace);
    const agent = await startAgent(server.namespace, CLSACT);
    t.regex(agent.said(), /Counting on interfaces.*"tc with clsact".*"it is configured"/);
    const filters = attached(server.namespace);
    t.regex(filters, /qdisc clsact/);
    for (const name of ['network_ingress', 'network_egress']) t.regex(filters, new RegExp(`pref 1 bpf.*${name}:`));

    icmpEchoes({ client, server, family: 'ipv4', echoes: 10, payloadBytes: 56 });
    const { code, stderr } = await agent.stop();
    t.is(code, 0);
    t.regex(stderr, /^ledger {2}eth0 {3}seen 1,960 B {2}20 pkt /m);
    t.is(attached(server.namespace), before);
  },
);

test.serial('filters of others keep their place: ours come next, the log names theirs, and only ours go', async (t) => {
  const { client, server } = pair();
  const tc = (...words: string[]) => server.namespace.run('tc', ...words);
  tc('qdisc', 'add', 'dev', 'eth0', 'clsact');
  for (const [hook, preference] of [
    ['ingress', '1'],
    ['ingress', '3'],
    ['egress', '2'],
  ] as const) {
    const matchingNothing = ['bpf', 'bytecode', '1,6 0 0 0', 'flowid', '1:1'];
    tc('filter', 'add', 'dev', 'eth0', hook, 'pref', preference, 'protocol', 'all', ...matchingNothing);
  }
  const before = attached(server.namespace);
  const agent = await startAgent(server.namespace, CLSACT);
  const now = attached(server.namespace);
  t.regex(now, /pref 2 bpf.*network_ingress:/);
  t.regex(now, /pref 1 bpf.*network_egress:/);
  const warnings = agent.said().match(/^.*Filters of others see packets first.*$/gm) ?? [];
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /"ingress".*"bpf at preference 1"/);

  icmpEchoes({ client, server, family: 'ipv4', echoes: 10, payloadBytes: 56 });
  const { stderr } = await agent.stop();
  t.regex(stderr, /^ledger {2}eth0 {3}seen 1,960 B {2}20 pkt /m);
  t.is(attached(server.namespace), before);
});

test.serial('filters of a killed agent are removed by the next one, those of a living one are not', async (t) => {
  const { client, server } = pair();
  const before = attached(server.namespace);
  const filters = () => attached(server.namespace).match(/handle 0x\S+ network_/g)?.length ?? 0;
  const killed = await startAgent(server.namespace, CLSACT);
  const living = await startAgent(server.namespace, CLSACT);
  t.notRegex(living.said(), /Removed the filters/);
  t.is(filters(), 4);

  process.kill(killed.pid, 'SIGKILL');
  await until('it is gone', () => !existsSync(`/proc/${killed.pid}`));
  t.is(filters(), 4, 'the kernel does not remove filters');
  const next = await startAgent(server.namespace, CONFIG);
  t.regex(next.said(), /Removed the filters.*eth0 ingress.*eth0 egress/);
  t.is(filters(), 2);

  icmpEchoes({ client, server, family: 'ipv4', echoes: 10, payloadBytes: 56 });
  for (const agent of [next, living]) t.regex((await agent.stop()).stderr, /^ledger {2}eth0 {3}seen 1,960 B /m);
  t.is(attached(server.namespace), before, 'clsact, which the killed one had made, is gone with the last filter');
});
