/**
 * Agents that are killed and come back on the same `pin_path` while packets flow all the time: what the server got is what
 * was sent, to the byte. A window that had arrived when its agent was killed before it knew is sent again with the next
 * one; that one then begins before the first has ended, so a window that another one overlaps is not counted here.
 */

import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { ETHERTYPE_ARP, ethernet, udpFrame } from '../support/frames.ts';
import { attachedProgramCount, sendFrame } from '../support/native.ts';
import { removeNetworkNamespaces } from '../support/network-namespace.ts';
import { runAgent, startAgent, until } from './agent.ts';
import {
  attached,
  configWith,
  createTraffic,
  hosts,
  join,
  ledgerOf,
  leftBehind,
  received,
  send,
  total,
} from './pinned.ts';

const ARP = ethernet(ETHERTYPE_ARP, new Uint8Array(46));

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

for (const backend of ['tcx', 'tc'] as const) {
  const keys = `, traffic_control_backend: ${backend}`;

  test.serial(`with ${backend}, agents killed at any moment lose nothing while interfaces come and go`, async (t) => {
    t.timeout(240_000);
    const { host, peer, sink, pinPath } = await hosts(t);
    const config = configWith(pinPath, keys);
    const traffic = createTraffic(peer);
    let agent = await startAgent(host, config);
    traffic.start('eth0');
    const kills = 8;
    for (let kill = 0; kill < kills; kill++) {
      const name = `veth${kill}`;
      join(host, peer, name);
      await until(`${name} is counted on`, () => attached(agent, name));
      traffic.start(name);
      await delay(randomInt(300));
      await agent.kill();
      if (kill % 2 === 0) {
        // Gone while nobody looks.
        traffic.stop(name);
        await delay(5);
        host.run('ip', 'link', 'delete', name);
      }
      const early = runAgent(host, config);
      await delay(randomInt(900));
      early.child.kill('SIGKILL');
      await early.ended;
      agent = await startAgent(host, config);
      t.regex(agent.said(), /Took over a table that was counting/);
    }
    const before = sink.points().length;
    await until('another window has arrived', () => sink.points().length > before);
    const sent = await traffic.end();
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.is(await leftBehind(host, pinPath), 0);

    const { bytes, repeated } = received(sink.points());
    t.deepEqual(Object.fromEntries(bytes), Object.fromEntries(sent));
    t.log(`${repeated} of ${2 * kills} kills came between arrival and commit`);
    t.true(repeated <= 2 * kills);
  });
}

test.serial(
  'a window that had arrived when its agent was killed unaware comes again, whole, and nothing else does',
  async (t) => {
    const { host, peer, sink, pinPath } = await hosts(t);
    const config = configWith(pinPath);
    const killed = await startAgent(host, config);
    let sent = send(peer, 'eth0', 3);
    await until('the first window has arrived', () => total(sink) === sent);
    sink.hold();
    const onItsWay = send(peer, 'eth0', 5);
    await until('the second one has, too', () => total(sink) === sent + onItsWay);
    sent += onItsWay + send(peer, 'eth0', 7);
    await killed.kill();
    sent += send(peer, 'eth0', 11);
    sink.answer();
    const next = await startAgent(host, config);
    sent += send(peer, 'eth0', 13);
    await until('all has arrived', () => total(sink) === sent + onItsWay);
    const { code, stderr } = await next.stop();
    t.is(code, 0, stderr);
    t.is(total(sink), sent + onItsWay);
    const { bytes, repeated } = received(sink.points());
    t.is(bytes.get('eth0'), sent);
    t.is(repeated, 1);
    t.is(await leftBehind(host, pinPath), 0);
  },
);

test.serial(
  'while the server refuses, agents may be killed and stopped, and nothing is lost or comes twice',
  async (t) => {
    const { host, peer, sink, pinPath } = await hosts(t);
    const config = configWith(pinPath);
    sink.refuse();
    const killed = await startAgent(host, config);
    let sent = send(peer, 'eth0', 3);
    await until('it was refused', () => killed.said().includes('Will retry'));
    await killed.kill();
    sent += send(peer, 'eth0', 5);
    const stopped = await startAgent(host, config);
    await until('it was refused, too', () => stopped.said().includes('Will retry'));
    const unknown = send(peer, 'eth0', 7);
    const ended = await stopped.stop();
    t.is(ended.code, 0, ended.stderr);
    t.regex(ended.stderr, /warn.*The last window was not acknowledged: it stays in the table/);
    t.deepEqual(ledgerOf(ended.stderr, 'eth0'), { seen: sent, exported: 0, filtered: 0, lost: 0, in_table: sent });
    sent += unknown + send(peer, 'eth0', 11);
    sink.accept();
    const last = await startAgent(host, config);
    await until('all has arrived', () => total(sink) === sent);
    const { stderr } = await last.stop();
    t.deepEqual(ledgerOf(stderr, 'eth0'), { seen: sent, exported: sent, filtered: 0, lost: 0 });
    t.is(total(sink), sent);
    t.is(await leftBehind(host, pinPath), 0);
  },
);

test.serial(
  'an agent that stops leaves its programs counting, and the ledgers of all agents add up to what was sent',
  async (t) => {
    const { host, peer, sink, pinPath } = await hosts(t);
    const config = configWith(pinPath, ', cache_max_flows: 1024', 60_000);
    const ledgers: Record<string, number>[] = [];
    let flows = 0;
    let notIp = 0;
    const sendAll = () => {
      flows += send(peer, 'eth0', 9);
      sendFrame({ networkNamespace: peer.name, interface: 'eth0', frame: ARP, count: 4 });
      notIp += 4 * ARP.length;
    };
    for (let run = 0; run < 3; run++) {
      const agent = await startAgent(host, config);
      t.is(attachedProgramCount(host.name, 'eth0'), 2);
      sendAll();
      const { code, stderr } = await agent.stop();
      t.is(code, 0, stderr);
      ledgers.push(ledgerOf(stderr, 'eth0'));
      t.is(attachedProgramCount(host.name, 'eth0'), 2);
      if (run < 2) sendAll();
    }
    const sum = (figure: string) => ledgers.reduce((all, ledger) => all + (ledger[figure] ?? 0), 0);
    t.deepEqual(
      { seen: sum('seen'), exported: sum('exported'), filtered: sum('filtered'), in_table: sum('in_table') },
      { seen: flows + notIp, exported: flows, filtered: notIp, in_table: 0 },
    );
    t.is(total(sink), flows);
    const windows = sink.points().map(({ startNs, timeNs }) => [startNs, timeNs] as const);
    const bounds = [...new Map(windows.map(([start, end]) => [start, end]))].toSorted(([a], [b]) => Number(a - b));
    t.true(
      bounds.every(([start], at) => at === 0 || start === bounds[at - 1]![1]),
      'windows join, also between agents',
    );
    t.is(await leftBehind(host, pinPath), 0);
  },
);

test.serial('more flows than fit come through a kill in the overflow map, too', async (t) => {
  t.timeout(240_000);
  const { host, peer, sink, pinPath } = await hosts(t);
  const config = configWith(pinPath, ', cache_max_flows: 256');
  const many = Array.from({ length: 700 }, (_, at) =>
    udpFrame({ src: '192.0.2.1', dst: '198.51.100.1', srcPort: 1024 + at, dstPort: 53, payloadBytes: 10 }),
  );
  const sendMany = () => {
    for (const frame of many) sendFrame({ networkNamespace: peer.name, interface: 'eth0', frame });
    return many.length * many[0]!.length;
  };
  const first = await startAgent(host, config);
  let sent = sendMany();
  await until('all flows have arrived', () => total(sink) === sent);
  sink.hold();
  const committed = sent;
  sent += sendMany();
  await until('a window is on its way', () => total(sink) > committed);
  // What came since is in the table and in both overflow maps.
  sent += sendMany();
  await first.kill();
  const onItsWay = total(sink) - committed;
  sent += sendMany();
  sink.answer();
  const next = await startAgent(host, config);
  sent += sendMany();
  await until('all has arrived', () => total(sink) === sent + onItsWay);
  const { stderr } = await next.stop();
  t.is(total(sink), sent + onItsWay);
  t.is(received(sink.points()).bytes.get('eth0'), sent);
  t.is(ledgerOf(stderr, 'eth0').lost, 0);
  t.is(await leftBehind(host, pinPath), 0);
});
