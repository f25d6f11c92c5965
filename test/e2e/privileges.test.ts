/**
 * What the agent needs to be allowed, source by source: with that alone a plain user's agent counts and leaves nothing
 * behind; without one of them it says which, whoever runs it.
 */

import test from 'ava';
import { neededCapabilities, type PacketSource } from '../../native/capabilities.ts';
import { fewerWhenEmulated } from '../support/emulated.ts';
import { hookKinds } from '../support/hook-kinds.ts';
import { kernelGives } from '../support/kernel-gives.ts';
import { attachedProgramCount } from '../support/native.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
} from '../support/network-namespace.ts';
import { icmpEchoes } from '../support/traffic.ts';
import { runAgent, startAgent } from './agent.ts';

const NOBODY = '65534';
/** Nobody may read a checkout under /root; who may read files is not in question here. */
const READING = 'CAP_DAC_READ_SEARCH';

const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });

test.after.always(removeNetworkNamespaces);

const config = (source: string) => `
receivers:
  ebpf_network: {interfaces: [eth0], cache_active_timeout: 100ms, ${source}}
exporters:
  debug:
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], exporters: [debug]}
`;

const listOf = (sign: '+' | '-', names: readonly string[]) =>
  names.map((name) => `${sign}${name.slice('CAP_'.length).toLowerCase()}`).join(',');

/** The server's namespace, for commands that `setpriv` gives and takes these privileges. */
const withPrivileges = (...options: readonly string[]): NetworkNamespace => ({
  ...server.namespace,
  spawn: (command, args, spawning) => server.namespace.spawn('setpriv', [...options, command, ...args], spawning),
});

function nobodyWith(capabilities: readonly string[]): NetworkNamespace {
  const only = `-all,${listOf('+', [...capabilities, READING])}`;
  const user = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--no-new-privs'];
  return withPrivileges(...user, '--bounding-set', only, '--inh-caps', only, '--ambient-caps', only);
}

/** SYS_ADMIN stands for most others. */
function rootWithout(capability: string): NetworkNamespace {
  const without = listOf('-', [capability, 'CAP_SYS_ADMIN']);
  return withPrivileges('--bounding-set', without, '--inh-caps', without);
}

const attached = () => attachedProgramCount(server.namespace.name, server.name);

const keysOf = {
  tcx: 'source: tc, traffic_control_backend: tcx',
  tc: 'source: tc, traffic_control_backend: tc',
  socket_filter: 'source: socket_filter',
} as const;

/** Some kernels load the program of the packet socket only for a process with CAP_PERFMON, and say so. */
let forSocket: readonly string[] = neededCapabilities.socket_filter;

test.serial(
  'socket_filter: a plain user counts with CAP_BPF and CAP_NET_RAW, or is told that it takes CAP_PERFMON too',
  async (t) => {
    const refused = await startAgent(nobodyWith(forSocket), config(keysOf.socket_filter)).then(
      async (agent) => void (await agent.stop()),
      (error: Error) => error.message,
    );
    if (refused === undefined) {
      t.pass();
    } else {
      t.regex(refused, /the verifier of this kernel refuses the program to a process without CAP_PERFMON\n/);
      t.regex(refused, /give this process CAP_PERFMON as well .*\[kernel\/permission\]/);
      forSocket = [...forSocket, 'CAP_PERFMON'];
    }
    kernelGives(t, '`source: socket_filter` needs', forSocket.map((name) => `\`${name}\``).join(', '));
  },
);

for (const kind of hookKinds) {
  const needed = neededCapabilities[kind === 'socket_filter' ? kind : 'tc'];
  test.serial(`${kind}: a plain user's agent counts with ${needed.join(', ')} alone`, async (t) => {
    const agent = await startAgent(nobodyWith(kind === 'socket_filter' ? forSocket : needed), config(keysOf[kind]));
    icmpEchoes({ client, server, family: 'ipv4', echoes: 10, payloadBytes: 56 });
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.regex(stderr, /^ledger {2}eth0 {3}seen 1,960 B {2}20 pkt {3}exported 1,960 B/m);
    t.is(attached(), 0);
    if (kind === hookKinds.at(-1))
      kernelGives(t, "a plain user's agent counts with the capabilities of its source", 'yes');
  });
}

test.serial('source: auto counts with those of the packet socket, and says why', async (t) => {
  const agent = await startAgent(nobodyWith(forSocket), config('source: auto'));
  t.regex(agent.said(), /Counting on interfaces.*"socket_filter".*"tc cannot attach"/);
  t.regex(agent.said(), /tc cannot attach: counting with a packet socket.*lacks CAP_NET_ADMIN/);
  t.regex(agent.said(), /name the ends that their packets show.*nat: conntrack wants CAP_NET_ADMIN/);
  t.is((await agent.stop()).code, 0);
});

for (const source of fewerWhenEmulated<PacketSource>(['tc', 'socket_filter'], 1)) {
  const needed = neededCapabilities[source];
  const list = new Intl.ListFormat('en-GB').format(needed);
  for (const capability of fewerWhenEmulated(needed, 1)) {
    test.serial(`${source}: without ${capability} a plain user is told so, and what is needed`, async (t) => {
      const others = needed.filter((name) => name !== capability);
      const { code, stderr } = await runAgent(nobodyWith(others), config(`source: ${source}`)).ended;
      t.is(code, 1);
      t.regex(stderr, new RegExp(`"ebpf_network" receiver: the process lacks ${capability}$`, 'm'));
      t.regex(stderr, new RegExp(`run as root, or with ${list} .*\\[kernel/permission\\]$`, 'm'));
      t.is(attached(), 0);
    });

    test.serial(`${source}: root without ${capability} is told so, and where to get it`, async (t) => {
      const { code, stderr } = await runAgent(rootWithout(capability), config(`source: ${source}`)).ended;
      t.is(code, 1);
      t.regex(stderr, new RegExp(`"ebpf_network" receiver: the process lacks ${capability}$`, 'm'));
      const fix = `give this process ${capability}, such as with --cap-add of the container`;
      t.regex(stderr, new RegExp(`${fix} .*\\[kernel/permission\\]$`, 'm'));
      t.is(attached(), 0);
    });
  }
}
