/** The receiver with `pin_path`, on a table in memory: when windows are committed, and what is done with former tables. */

import test from 'ava';
import type { NetworkInterface } from '../../native/index.ts';
import { problemsBetween } from './config.ts';
import { assertLedgerCloses, bytesOf, eth0, setUp } from './test-receiver.ts';

const pinned = () => setUp(undefined, { pin_path: '/sys/fs/bpf/weir' });
const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
};

test('a window is committed when it has arrived, and the next collect waits for that', async (t) => {
  const { table, clock, consumer, registry, receiver } = pinned();
  consumer.delivers = false;
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  void clock.advance(5000);
  await turns();
  table.count({ src: 1, dst: 2, bytes: 7, packets: 1 });
  void clock.advance(60_000);
  await turns();
  t.deepEqual(bytesOf(consumer.tables), [10]);
  t.false(table.calls.includes('commit'));
  t.regex(registry.text(), /in_table_bytes\{direction="ingress",interface="eth0",.*\} 10$/m);
  assertLedgerCloses(t, registry.text());

  consumer.delivers = true;
  consumer.settle('given_up');
  await clock.asleep();
  t.is(table.calls.at(-1), 'commit');
  t.regex(registry.text(), /exported_bytes_total\{direction="ingress",interface="eth0",.*\} 10$/m);
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [10, 7]);
});

test('at the end nothing is detached, and what did not arrive is not committed', async (t) => {
  for (const [settlement, end] of [
    ['delivered', 'exported 10 B   filtered 0   sampled 0   lost 0\n'],
    ['interrupted', 'exported 0   filtered 0   sampled 0   lost 0   in_table 10 B\n'],
  ] as const) {
    const { table, clock, consumer, receiver, written } = pinned();
    consumer.delivers = false;
    await receiver.start?.();
    await clock.asleep();
    table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
    const stopped = receiver.stop?.();
    await turns();
    await clock.asleep();
    void clock.advance(5000);
    await stopped;
    t.deepEqual(written, []);
    consumer.settle(settlement);
    await Promise.all([receiver.finish?.(), receiver.finish?.()]);
    t.is(table.calls.includes('commit'), settlement === 'delivered');
    t.false(table.calls.some((call) => call.startsWith('detach')));
    t.is(table.calls.at(-1), 'close');
    t.deepEqual(written, [`ledger  eth0   seen 10 B  1 pkt   ${end}`]);
  }
});

test('hooks of the agent before stay, those of interfaces that are gone do not, and windows join', async (t) => {
  const { table, clock, consumer, receiver } = pinned();
  table.takenOver = {
    hooks: [
      { index: 2, direction: 'ingress' },
      { index: 9, direction: 'egress' },
    ],
    names: [
      { iface: 2, name: 'lan0' },
      { iface: 9, name: 'veth9' },
    ],
    windowEndNs: 77n,
  };
  table.count({ src: 1, dst: 2, iface: 9, direction: 'egress', bytes: 5, packets: 1 });
  await receiver.start?.();
  await clock.asleep();
  t.deepEqual(table.calls, ['detach 9 egress', 'rename 2 eth0', 'setCovered 2', 'attach eth0 egress']);
  await clock.advance(5000);
  const [flows] = consumer.tables;
  t.is(flows?.window.startNs, 77n);
  t.deepEqual(bytesOf(consumer.tables), [5]);
  await receiver.stop?.();
  await receiver.finish?.();
});

test('a table that did not fit is a warning with what differs, and a loss with its name', async (t) => {
  const { table, receiver, log, written } = pinned();
  table.refusedPins = {
    differences: ['cache_max_flows: 1 before, 2 now'],
    amounts: [{ iface: 7, direction: 'egress', bytes: 100, packets: 2 }],
    names: [{ iface: 7, name: 'veth7' }],
  };
  await receiver.start?.();
  await receiver.stop?.();
  await receiver.finish?.();
  t.regex(log.join(''), /warn.*does not fit.*cache_max_flows: 1 before, 2 now.*"lost_bytes":100,"lost_packets":2/);
  t.true(written.some((line) => /^ledger {2}veth7 +seen 100 B {2}2 pkt .* lost 100 B$/m.test(line)));
});

test('an interface of the agent before that is not wanted any more is let go', async (t) => {
  const other: NetworkInterface = { ...eth0, index: 3, name: 'br0', kind: 'bridge' };
  const { table, change, receiver } = pinned();
  await change([eth0, other]);
  table.takenOver = { hooks: [{ index: 3, direction: 'ingress' }], names: [], windowEndNs: 0n };
  await receiver.start?.();
  t.true(table.calls.includes('detach 3 ingress'));
  await receiver.stop?.();
  await receiver.finish?.();
});

test('what would end with the process cannot be pinned', (t) => {
  type Config = Parameters<typeof problemsBetween>[0];
  const kept = { pin_path: '/sys/fs/bpf/weir', source: 'tc', netns: 'host' };
  t.deepEqual(problemsBetween(kept as Config), []);
  for (const [keys, why] of [
    [{ source: 'auto' }, /needs source: tc, got auto/],
    [{ netns: 'all' }, /needs netns: host, got all/],
  ] as const) {
    const problems = problemsBetween({ ...kept, ...keys } as Config);
    t.is(problems.length, 1);
    t.regex(problems[0]?.message ?? '', why);
  }
});
