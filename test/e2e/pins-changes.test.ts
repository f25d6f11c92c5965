/** What an agent does with pins that are not as it would have left them: settings, layout, interfaces, another agent. */

import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import test from 'ava';
import { mountBpfFileSystem, unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { ETHERTYPE_IPV4, ethernet, ipv4, tcp } from '../support/frames.ts';
import { attachedProgramCount, sendFrame } from '../support/native.ts';
import { createNetworkNamespace, disableIpv6, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { runAgent, startAgent, sumsBy, until } from './agent.ts';
import { attached, configWith, hosts, join, ledgerOf, leftBehind, METRIC, send, total } from './pinned.ts';

const SYN = 0x02;
const ACK = 0x10;

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

for (const backend of ['tcx', 'tc'] as const) {
  test.serial(
    `with ${backend}, a table of other settings is refused by name, and what it still had is lost by number`,
    async (t) => {
      const { host, peer, sink, pinPath } = await hosts(t);
      const keys = `, traffic_control_backend: ${backend}`;
      sink.refuse();
      const first = await startAgent(host, configWith(pinPath, `${keys}, cache_max_flows: 1024`));
      const lost = send(peer, 'eth0', 6);
      await until('it was refused', () => first.said().includes('Will retry'));
      await first.kill();
      const alsoLost = send(peer, 'eth0', 8);
      sink.accept();
      const second = await startAgent(host, configWith(pinPath, `${keys}, cache_max_flows: 2048, deduper: none`));
      const refusal = /warn.*The table of an earlier agent does not fit.*$/m.exec(second.said())?.[0] ?? '';
      t.regex(refusal, /"cache_max_flows: 1024 before, 2048 now","deduper: first_come before, none now"\]/);
      t.regex(refusal, new RegExp(`"lost_bytes":${lost + alsoLost},"lost_packets":14`));
      const kept = send(peer, 'eth0', 10);
      const { stderr } = await second.stop();
      t.deepEqual(ledgerOf(stderr, 'eth0'), {
        seen: lost + alsoLost + kept,
        exported: kept,
        filtered: 0,
        lost: lost + alsoLost,
      });
      t.is(total(sink), kept);
      t.is(await leftBehind(host, pinPath), 0);
    },
  );
}

test.serial('a table of another layout is removed, whatever it holds', async (t) => {
  const { host, peer, pinPath } = await hosts(t);
  const first = await startAgent(host, configWith(pinPath));
  await first.kill();
  const description = `${pinPath}/description`;
  const text = 'layout\t0\n';
  const bytes = [...Buffer.from(text), ...new Array<number>(16_384 - text.length).fill(0)].map(String);
  execFileSync('bpftool', ['map', 'update', 'pinned', description, 'key', '0', '0', '0', '0', 'value', ...bytes]);
  const second = await startAgent(host, configWith(pinPath));
  t.regex(second.said(), /does not fit.*"layout: 0 before, [1-9]\d* now".*"lost":"unknown, since its layout is"/);
  t.is(attachedProgramCount(host.name, 'eth0'), 2);
  const sent = send(peer, 'eth0', 6);
  t.deepEqual(ledgerOf((await second.stop()).stderr, 'eth0'), { seen: sent, exported: sent, filtered: 0, lost: 0 });
  t.is(await leftBehind(host, pinPath), 0);
});

test.serial('a second agent on the same path does not start, and the first one goes on', async (t) => {
  const { host, peer, pinPath } = await hosts(t);
  const first = await startAgent(host, configWith(pinPath));
  const { code, stderr } = await runAgent(host, configWith(pinPath)).ended;
  t.is(code, 1);
  t.regex(stderr, /pin_path \S+: .*another agent that is alive uses it[\s\S]*\[kernel\/pins\]/);
  const sent = send(peer, 'eth0', 6);
  t.is(ledgerOf((await first.stop()).stderr, 'eth0').exported, sent);
  t.is(await leftBehind(host, pinPath), 0);
});

test.serial('a path that cannot hold pins is an error that says why', async (t) => {
  const { host, pinPath } = await hosts(t);
  const readOnly = mountBpfFileSystem();
  execFileSync('mount', ['-o', 'remount,ro', readOnly]);
  for (const [path, why] of [
    [`${tmpdir()}/weir`, /not on a bpf file system.*mount -t bpf/s],
    [`${readOnly}/weir`, /cannot be written.*let this user write there/s],
    [`${pinPath}.1`, /cannot be written.*have no dots/s],
    ['weir', /must be absolute.*pin_path/s],
  ] as const) {
    const { code, stderr } = await runAgent(host, configWith(path)).ended;
    t.is(code, 1);
    t.regex(stderr, why);
  }
  const { stderr } = await runAgent(host, configWith(pinPath, ', source: socket_filter')).ended;
  t.regex(stderr, /pin_path needs source: tc, got socket_filter.*pin_path/s);
});

test.serial('interfaces that changed while no agent ran are found as they are now', async (t) => {
  const { host, peer, sink, pinPath } = await hosts(t);
  const elsewhere = createNetworkNamespace();
  disableIpv6(elsewhere);
  for (const name of ['gone', 'unwanted', 'moved', 'before']) join(host, peer, name);
  sink.refuse();
  const first = await startAgent(host, configWith(pinPath));
  const expected = new Map(
    ['eth0', 'gone', 'unwanted', 'moved', 'before'].map((name, at) => [name, send(peer, name, 3 + at)]),
  );
  await until('it was refused', () => first.said().includes('Will retry'));
  await first.kill();
  const more = (name: string, bytes: number) => expected.set(name, (expected.get(name) ?? 0) + bytes);
  more('gone', send(peer, 'gone', 10));
  const [{ ifindex }] = JSON.parse(host.run('ip', '-json', 'link', 'show', 'gone')) as [{ ifindex: number }];
  host.run('ip', 'link', 'delete', 'gone');
  host.run(
    'ip',
    'link',
    'add',
    'again',
    'index',
    `${ifindex}`,
    'type',
    'veth',
    'peer',
    'name',
    'again',
    'netns',
    peer.name,
  );
  for (const { run } of [host, peer]) run('ip', 'link', 'set', 'again', 'up');
  host.run('ip', 'link', 'set', 'before', 'down');
  host.run('ip', 'link', 'set', 'before', 'name', 'after');
  host.run('ip', 'link', 'set', 'after', 'up');
  host.run('ip', 'link', 'set', 'moved', 'netns', elsewhere.name);
  elsewhere.run('ip', 'link', 'set', 'moved', 'up');
  join(host, peer, 'fresh');

  sink.accept();
  const next = await startAgent(host, configWith(pinPath, ', exclude_interfaces: [lo, unwanted]'));
  await until('the table was sent', () => total(sink) > 0);
  await until('the new one of an old index is counted on', () => attached(next, 'again'));
  t.is(attachedProgramCount(host.name, 'unwanted'), 0);
  t.is(attachedProgramCount(elsewhere.name, 'moved'), 0);
  send(peer, 'unwanted', 20);
  send(peer, 'moved', 20);
  for (const name of ['eth0', 'again', 'fresh']) more(name, send(peer, name, 4));
  more('after', send(peer, 'before', 4) + (expected.get('before') ?? 0));
  expected.delete('before');
  const { code, stderr } = await next.stop();
  t.is(code, 0, stderr);
  const inOrder = (sums: ReadonlyMap<string, number>) => [...sums].toSorted(([a], [b]) => a.localeCompare(b));
  t.deepEqual(inOrder(sumsBy(sink.points(), METRIC, ['iface'])), inOrder(expected));
  t.is(await leftBehind(host, pinPath), 0);
});

test.serial('who opened a connection is known to the agent after the one that saw it', async (t) => {
  const { host, peer, sink, pinPath } = await hosts(t);
  const segment = (flags: number) =>
    ethernet(
      ETHERTYPE_IPV4,
      ipv4({ src: '192.0.2.1', dst: '198.51.100.1', protocol: 6 }, tcp(40_000, 50_000, flags, new Uint8Array(10))),
    );
  const first = await startAgent(host, configWith(pinPath));
  sendFrame({ networkNamespace: peer.name, interface: 'eth0', frame: segment(SYN) });
  await until('it has arrived', () => sink.points().length > 0);
  await first.kill();
  const before = sink.points().length;
  sendFrame({ networkNamespace: peer.name, interface: 'eth0', frame: segment(ACK) });
  const next = await startAgent(host, configWith(pinPath));
  await until('it has arrived', () => sink.points().length > before);
  await next.stop();
  for (const { attributes } of sink.points().slice(before)) {
    t.is(attributes.direction, 'request');
    t.is(attributes['server.port'], 50_000);
  }
  t.is(await leftBehind(host, pinPath), 0);
});
