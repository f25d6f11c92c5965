/**
 * `netns: all`: packets of other network namespaces count as those of the host's own, each once, while the namespaces
 * come and go. The agent sees names in a mount namespace of its own, so that it finds those of the test alone.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import test from 'ava';
import { hookKinds } from '../support/hook-kinds.ts';
import { attachedProgramCount } from '../support/native.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import { icmpEchoes } from '../support/traffic.ts';
import { runAgent, startAgent, until } from './agent.ts';
import { everySource, observe, sourceNames, totalsBy } from './every-source.ts';
import { fileOf, naming, seeing } from './named-namespaces.ts';

test.after.always(removeNetworkNamespaces);

const ECHOES = 10;
const FRAME_BYTES = 98;

/** Runs a line of shell where the agent sees files, from the root that it has. */
const beside = (pid: number, line: string) => execFileSync('nsenter', ['-t', `${pid}`, '-m', '-r', 'sh', '-c', line]);

const between = (client: VethEnd, server: VethEnd) =>
  icmpEchoes({ client, server, family: 'ipv4', echoes: ECHOES, payloadBytes: 56 });

test('each packet counts once, on whichever side of a pair, by every source', async (t) => {
  const [host, blue, red, outside] = Array.from({ length: 4 }, () => createNetworkNamespace()) as [
    NetworkNamespace,
    NetworkNamespace,
    NetworkNamespace,
    NetworkNamespace,
  ];
  const [hostEnd, blueEnd] = joinByVeth(host, blue, { quiet: true });
  const [blueToRed, redToBlue] = joinByVeth(blue, red, { quiet: true });
  const [redOut, outsideEnd] = joinByVeth(red, outside, { quiet: true });
  t.is(hostEnd.index, blueEnd.index, 'indexes are the same in several namespaces');

  const config = everySource(', netns: all, protocols: [ICMP]', ['iface']);
  const run = await observe(t, seeing(host, { blue, red }), config, () => {
    between(hostEnd, blueEnd);
    between(blueToRed, redToBlue);
    between(redOut, outsideEnd);
  });
  const sums = (iface: string, ...ends: readonly [VethEnd, VethEnd]) =>
    [ends, [...ends].reverse()].map(
      ([from, to]) => [`${from!.ipv4} ${to!.ipv4} ${iface}`, ECHOES * FRAME_BYTES] as const,
    );
  const expected = Object.fromEntries([
    ...sums('eth0', hostEnd, blueEnd),
    ...sums('eth1@blue', blueToRed, redToBlue),
    ...sums('eth1@red', redOut, outsideEnd),
  ]);
  for (const source of sourceNames) {
    const { bytes } = totalsBy(run, source, ['src.address', 'dst.address', 'iface']);
    t.deepEqual(Object.fromEntries(bytes), expected, source);
  }
});

for (const kind of hookKinds) {
  const keys = kind === 'socket_filter' ? 'source: socket_filter' : `traffic_control_backend: ${kind}`;
  const config = `
receivers: {ebpf_network: {netns: all, cache_active_timeout: 100ms, ${keys}}}
exporters: {debug: }
service:
  telemetry: {logs: {level: debug}, metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], exporters: [debug]}}
`;
  test.serial(`${kind}: a namespace that comes is counted in, and goes as if nobody had looked`, async (t) => {
    const [host, peer] = [createNetworkNamespace(), createNetworkNamespace()];
    const [hostEnd] = joinByVeth(host, peer, { quiet: true });
    const agent = await startAgent(seeing(host, {}), config);
    const descriptors = () => readdirSync(`/proc/${agent.pid}/fd`).length;
    const before = descriptors();
    for (const round of [1, 2, 3]) {
      const [pod, outside] = [createNetworkNamespace(), createNetworkNamespace()];
      const [podEnd, outsideEnd] = joinByVeth(pod, outside, { quiet: true });
      beside(agent.pid, naming('pod', fileOf(pod)));
      const said = (what: string) => agent.said().match(new RegExp(`Interfaces changed.*"${what}":\\["eth0@pod"`, 'g'));
      await until('it is counted in', () => said('attached')?.length === round);
      t.is(attachedProgramCount(pod.name, podEnd.name), kind === hookKinds[0] ? 2 : 0);
      between(podEnd, outsideEnd);
      beside(agent.pid, 'umount /run/netns/pod && rm /run/netns/pod');
      await until('it is given up', () => said('detached')?.length === round);
      t.is(attachedProgramCount(pod.name, podEnd.name), 0);
      // A veth goes with the namespace of its other end, once nothing holds that.
      pod.remove();
      await until('it is gone', () => !outside.run('ip', '-o', 'link').includes('eth0'));
      await until('all descriptors are closed', () => descriptors() === before);
    }
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    const bytes = (3 * 2 * ECHOES * FRAME_BYTES).toLocaleString('en');
    t.regex(stderr, new RegExp(`^ledger {2}eth0@pod +seen ${bytes} B .* exported ${bytes} B .*lost 0$`, 'm'));
    t.is(attachedProgramCount(host.name, hostEnd.name), 0);
  });
}

test('without CAP_SYS_ADMIN it says so, and what to do', async (t) => {
  const host = createNetworkNamespace();
  const all = '-all,+bpf,+net_admin,+perfmon';
  const config = `
receivers: {ebpf_network: {netns: all}}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [ebpf_network], exporters: [debug]}}}
`;
  const without: NetworkNamespace = {
    ...host,
    spawn: (command, args, options) =>
      host.spawn('setpriv', ['--bounding-set', all, '--inh-caps', all, command, ...args], options),
  };
  const { code, stderr } = await runAgent(without, config).ended;
  t.is(code, 1);
  t.regex(stderr, /"ebpf_network" receiver: netns: all: the process lacks CAP_SYS_ADMIN$/m);
  t.regex(stderr, /give this process CAP_SYS_ADMIN, or leave out netns: all .*\[kernel\/permission\]$/m);
});
