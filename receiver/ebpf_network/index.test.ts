import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import type { Amount, LedgerRow } from '../../native/index.ts';
import { assertLedgerCloses, bytesOf, setUp } from './test-receiver.ts';

test('the ledger closes with everything that the kernel filtered and lost', async (t) => {
  const { table, clock, receiver, registry, written } = setUp();
  await receiver.start?.();
  await clock.asleep();
  assertLedgerCloses(t, registry.text());
  const amount = (bytes: number): Amount => ({ bytes, packets: bytes / 100 });
  const row = (direction: LedgerRow['direction'], bytes: number): LedgerRow => ({
    iface: 2,
    direction,
    filtered: {
      protocol: amount(bytes),
      not_ip: amount(2 * bytes),
      counted_elsewhere: amount(4 * bytes),
      direction: amount(0),
    },
    sampled: amount(32 * bytes),
    lost: { table_full: amount(8 * bytes), malformed: amount(16 * bytes) },
  });
  table.ledger = [row('ingress', 100), row('egress', 200)];
  table.count({ src: 1, dst: 2, bytes: 80_991_001, packets: 70_000 });
  await clock.advance(5000);
  assertLedgerCloses(t, registry.text());
  table.ledger = [row('ingress', 300), row('egress', 200)];
  table.count({ src: 2, dst: 1, direction: 'egress', bytes: 1000, packets: 3 });
  await clock.advance(5000);
  const text = registry.text();
  assertLedgerCloses(t, text);
  t.regex(text, /filtered_bytes_total\{direction="ingress",interface="eth0",reason="not_ip",.*\} 600$/m);
  t.regex(text, /lost_packets_total\{direction="egress",interface="eth0",reason="malformed",.*\} 32$/m);
  t.regex(text, /table_slots\{receiver="ebpf_network",state="used"\} 2$/m);
  t.regex(text, /table_capacity\{receiver="ebpf_network"\} 262144$/m);
  t.regex(text, /scan_duration_seconds\{receiver="ebpf_network"\} 0.001$/m);
  await receiver.stop?.();
  t.deepEqual(written, [
    'ledger  eth0   seen 81,023,501 B  70,318 pkt   exported 80,992,001 B   filtered 3,500 B   sampled 16,000 B   lost 12,000 B\n',
  ]);
});

test('stopping detaches, waits for running programs, and hands over the last window', async (t) => {
  const { table, clock, consumer, receiver, written } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  await receiver.stop?.();
  t.deepEqual(table.calls, [
    'setCovered 2',
    'attach eth0 ingress',
    'attach eth0 egress',
    'detach 2 ingress',
    'detach 2 egress',
    'settle',
    'collect 1',
    'commit',
    'close',
  ]);
  t.deepEqual(bytesOf(consumer.tables), [10]);
  t.deepEqual(written, ['ledger  eth0   seen 10 B  1 pkt   exported 10 B   filtered 0   sampled 0   lost 0\n']);
});

test('stopping without room counts what is left as lost', async (t) => {
  const { table, clock, consumer, receiver, registry, written } = setUp();
  await receiver.start?.();
  await clock.asleep();
  consumer.setRoom(false);
  table.count({ src: 1, dst: 2, bytes: 1234, packets: 2 });
  void clock.advance(5000);
  await consumer.waiting();
  await receiver.stop?.();
  t.is(consumer.tables.length, 0);
  const text = registry.text();
  t.regex(text, /lost_bytes_total\{direction="ingress",interface="eth0",reason="receiver_stopped",.*\} 1234$/m);
  assertLedgerCloses(t, text);
  t.deepEqual(written, ['ledger  eth0   seen 1,234 B  2 pkt   exported 0   filtered 0   sampled 0   lost 1,234 B\n']);
});

test('stopping before start and stopping twice do nothing more', async (t) => {
  const { table, clock, receiver, written } = setUp();
  await receiver.stop?.();
  await receiver.start?.();
  await clock.asleep();
  await Promise.all([receiver.stop?.(), receiver.stop?.()]);
  await receiver.stop?.();
  t.is(table.calls.filter((call) => call === 'close').length, 1);
  t.is(written.length, 1);
});

test('an interface that cannot be attached stops the start and leaves nothing open', async (t) => {
  const { table, receiver } = setUp();
  table.failures.set('attach', new WeirError('kernel/permission', 'bpf(BPF_LINK_CREATE): EPERM'));
  const error = await t.throwsAsync(async () => receiver.start?.(), { instanceOf: WeirError });
  t.is(error?.code, 'kernel/permission');
  t.is(table.calls.at(-1), 'close');
  await receiver.stop?.();
  t.is(table.calls.filter((call) => call === 'close').length, 1);
});

test('says what counts and why, who sees packets first, and what a killed run had left', async (t) => {
  const { table, receiver, log } = setUp(undefined, { left: ['eth0 egress'], direction: 'ingress' });
  table.hookKind = 'tc';
  table.ahead = ['cil_from_netdev:[7] at preference 1'];
  await receiver.start?.();
  await receiver.stop?.();
  const said = log.join('');
  t.regex(said, /warn.*Removed the filters.*eth0 egress/);
  t.regex(said, /warn.*Filters of others see packets first.*eth0.*ingress.*cil_from_netdev:\[7\] at preference 1/);
  t.regex(said, /info.*Counting on interfaces.*tc with clsact.*the kernel has no tcx/);
  t.notRegex(said, /deduper_fc_ttl/);
});

test('filters that a killed run left and that cannot be removed do not stop the start', async (t) => {
  const { table, receiver, log } = setUp(undefined, { left: new WeirError('kernel/permission', 'EPERM') });
  await receiver.start?.();
  await receiver.stop?.();
  t.regex(log.join(''), /warn.*Cannot remove filters that a run which was killed left.*EPERM/);
  t.true(table.calls.includes('attach eth0 egress'));
});

test('with deduper: none nothing is covered and tables say that every interface counts', async (t) => {
  const { table, clock, consumer, receiver, log } = setUp(undefined, { deduper: 'none', deduper_fc_ttl: 10_000 });
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  await receiver.stop?.();
  t.false(table.calls.some((call) => call.startsWith('setCovered')));
  t.deepEqual(
    consumer.tables.map(({ everyInterface }) => everyInterface),
    [true],
  );
  t.regex(log.join(''), /info.*deduper_fc_ttl decides nothing/);
});
