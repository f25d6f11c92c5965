import test from 'ava';
import { parseInterfaceBytes, readInterfaceBytes } from './coverage.ts';
import { setUp } from './test-receiver.ts';

const ratioOf = (text: string) => /coverage_ratio\{interface="eth0",receiver="ebpf_network"\} (\S+)$/m.exec(text)?.[1];

test("compares what was seen with the interface's own counters since the start", async (t) => {
  const { table, clock, receiver, registry, interfaceBytes } = setUp();
  interfaceBytes.set('eth0', { ingress: 5000, egress: 100 });
  await receiver.start?.();
  await clock.asleep();
  t.is(ratioOf(registry.text()), undefined);
  table.count({ src: 1, dst: 2, bytes: 300, packets: 1 });
  table.count({ src: 2, dst: 1, direction: 'egress', bytes: 90, packets: 1 });
  interfaceBytes.set('eth0', { ingress: 5300, egress: 200 });
  await clock.advance(5000);
  t.is(ratioOf(registry.text()), '0.975');
  await receiver.stop?.();
});

test('an interface that is gone, or counts from zero again, keeps its last ratio', async (t) => {
  const { table, clock, receiver, registry, interfaceBytes } = setUp();
  interfaceBytes.set('eth0', { ingress: 5000, egress: 0 });
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 300, packets: 1 });
  interfaceBytes.set('eth0', { ingress: 5300, egress: 0 });
  await clock.advance(5000);
  for (const change of [() => interfaceBytes.set('eth0', { ingress: 40, egress: 0 }), () => interfaceBytes.clear()]) {
    change();
    await clock.advance(5000);
    t.is(ratioOf(registry.text()), '1');
  }
  await receiver.stop?.();
});

test('counters that cannot be read leave the ratio out, with one warning, and counting goes on', async (t) => {
  const { table, clock, consumer, receiver, registry, log } = setUp(async () => {
    throw new Error('permission denied');
  });
  await receiver.start?.();
  await clock.asleep();
  for (const bytes of [300, 400]) {
    table.count({ src: 1, dst: 2, bytes, packets: 1 });
    await clock.advance(5000);
  }
  t.is(consumer.tables.length, 2);
  t.is(ratioOf(registry.text()), undefined);
  t.is(log.filter((line) => line.includes('there is no coverage_ratio')).length, 1);
  await receiver.stop?.();
});

test('reads the first figure of what was received and of what was sent', async (t) => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
wlp0s20f3:1234567     9    0    0    0     0          0         0  7654321       8    0    0    0     0       0          0
`;
  t.deepEqual(
    [...parseInterfaceBytes(text)],
    [
      ['lo', { ingress: 100, egress: 100 }],
      ['wlp0s20f3', { ingress: 1_234_567, egress: 7_654_321 }],
    ],
  );
  t.true((await readInterfaceBytes([])).has('lo'));
});
