import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import type { NetworkInterface } from '../../native/index.ts';
import { FORGET_AFTER_MS } from './ledger.ts';
import { assertLedgerCloses, bytesOf, eth0, setUp } from './test-receiver.ts';

const veth = (index: number, more: Partial<NetworkInterface> = {}): NetworkInterface => ({
  ...{ ...eth0, index, name: `veth${index}`, kind: 'veth' },
  ...more,
});

/** A receiver that runs, with the calls of its start forgotten. */
async function running() {
  const all = setUp();
  await all.receiver.start?.();
  await all.clock.asleep();
  all.table.calls.length = 0;
  return all;
}

const interfacesOf = (tables: Awaited<ReturnType<typeof running>>['consumer']['tables']) =>
  tables.map(({ columns, rows }) => {
    const { rows: codes, dictionary } = columns.get('iface')!;
    return Array.from({ length: rows }, (_, row) => dictionary.at(codes[row]!));
  });

test('a new interface is covered just before its ingress is attached', async (t) => {
  const { table, change, receiver, registry } = await running();
  await change([eth0, veth(7)]);
  t.deepEqual(table.calls, ['setCovered 2,7', 'attach veth7 ingress', 'attach veth7 egress']);
  t.regex(registry.text(), /seen_bytes_total\{direction="egress",interface="veth7",receiver="ebpf_network"\} 0$/m);
  await receiver.stop?.();
});

test('in a batch each interface is covered when its turn comes, a master from the start', async (t) => {
  const { table, change, receiver } = await running();
  const cni0 = { ...eth0, index: 4, name: 'cni0', kind: 'bridge' };
  await change([eth0, cni0, veth(7, { master: 4 }), veth(8, { master: 4 })]);
  t.deepEqual(table.calls, [
    'setCovered 2,4',
    'setCovered 2,4,7',
    'attach veth7 ingress',
    'attach veth7 egress',
    'setCovered 2,4,7,8',
    'attach veth8 ingress',
    'attach veth8 egress',
  ]);
  await receiver.stop?.();
});

test('what goes is not covered any more before it is detached', async (t) => {
  const { table, change, receiver } = await running();
  await change([eth0, veth(7)]);
  table.calls.length = 0;
  await change([eth0]);
  t.deepEqual(table.calls, ['setCovered 2', 'detach 7 ingress', 'detach 7 egress']);
  await receiver.stop?.();
});

test('a bridge is covered while all its ports are counted on', async (t) => {
  const { table, change, receiver } = await running();
  const cni0 = { ...eth0, index: 4, name: 'cni0', kind: 'bridge' };
  const unreadable = veth(9, { linkType: 280, master: 4 });
  await change([eth0, cni0, veth(7, { master: 4 })]);
  table.calls.length = 0;
  await change([eth0, cni0, veth(7, { master: 4 }), unreadable]);
  await change([eth0, cni0, veth(7), unreadable]);
  await change([eth0, cni0, veth(7, { master: 4 })]);
  t.deepEqual(table.calls, ['setCovered 2,7', 'setCovered 2,4,7']);
  await receiver.stop?.();
});

test('rows of an interface that is gone carry its name, and its ledger stays to the end', async (t) => {
  const { table, change, clock, consumer, receiver, registry, written } = await running();
  await change([eth0, veth(7)]);
  table.count({ src: 1, dst: 2, iface: 7, bytes: 100, packets: 1 });
  await change([eth0]);
  await clock.advance(5000);
  await clock.advance(5000);
  t.deepEqual(interfacesOf(consumer.tables), [['veth7']]);
  assertLedgerCloses(t, registry.text());
  await receiver.stop?.();
  t.deepEqual(written, [
    'ledger  eth0    seen 0 B  0 pkt   exported 0   filtered 0   sampled 0   lost 0\n',
    'ledger  veth7   seen 100 B  1 pkt   exported 100 B   filtered 0   sampled 0   lost 0\n',
  ]);
});

test('some time after its last packet, the figures of an interface that is gone are part of (gone)', async (t) => {
  const { table, change, clock, receiver, registry, interfaceBytes, written } = await running();
  const sum = (what: string) =>
    [
      ...registry
        .text()
        .matchAll(new RegExp(`^otelcol_receiver_ebpf_network_${what}_bytes_total\\{.*\\} (\\d+)$`, 'gm')),
    ]
      .map(([, value]) => Number(value))
      .reduce((all, value) => all + value, 0);
  for (const index of [7, 8]) interfaceBytes.set(`veth${index}`, { ingress: 0, egress: 0 });
  await change([eth0, veth(7), veth(8)]);
  for (const index of [7, 8]) {
    table.count({ src: 1, dst: index, iface: index, bytes: 100, packets: 1 });
    interfaceBytes.set(`veth${index}`, { ingress: 100, egress: 0 });
  }
  await clock.advance(5000);
  t.regex(registry.text(), /coverage_ratio\{interface="veth7"/);
  await change([eth0, veth(8)]);
  await clock.advance(5000);
  await clock.advance(FORGET_AFTER_MS - 15_000);
  t.regex(registry.text(), /interface="veth7"/);
  assertLedgerCloses(t, registry.text());
  const before = ['seen', 'exported'].map(sum);
  await clock.advance(15_000);
  const text = registry.text();
  t.notRegex(text, /veth7/);
  t.regex(text, /seen_bytes_total\{direction="ingress",interface="\(gone\)",receiver="ebpf_network"\} 100$/m);
  // One that is there stays, however quiet it is.
  t.regex(text, /seen_bytes_total\{direction="ingress",interface="veth8",receiver="ebpf_network"\} 100$/m);
  assertLedgerCloses(t, text);
  t.deepEqual(['seen', 'exported'].map(sum), before);

  await change([eth0, veth(7), veth(8)]);
  table.count({ src: 1, dst: 2, iface: 7, bytes: 30, packets: 1 });
  await clock.advance(5000);
  t.regex(
    registry.text(),
    /exported_bytes_total\{direction="ingress",interface="veth7",receiver="ebpf_network"\} 30$/m,
  );
  t.deepEqual(['seen', 'exported'].map(sum), [before[0]! + 30, before[1]! + 30]);
  assertLedgerCloses(t, registry.text());
  await receiver.stop?.();
  t.true(written.some((line) => /^ledger {2}\(gone\) +seen 100 B/.test(line)));
});

test('another interface with the same lower 16 bits waits until the rows of the first are out', async (t) => {
  const { table, change, clock, consumer, receiver, registry } = await running();
  await change([eth0, veth(7)]);
  table.count({ src: 1, dst: 2, iface: 7, bytes: 100, packets: 1 });
  table.calls.length = 0;
  await change([eth0, veth(7 + 65_536)], [7]);
  t.deepEqual(table.calls, ['setCovered 2', 'detach 7 ingress', 'detach 7 egress']);
  await clock.advance(5000);
  await change([eth0, veth(7 + 65_536)]);
  t.is(table.calls.at(-1), 'attach veth65543 egress');
  table.count({ src: 1, dst: 2, iface: 7, bytes: 30, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(interfacesOf(consumer.tables), [['veth7'], ['veth65543']]);
  t.deepEqual(bytesOf(consumer.tables), [100, 30]);
  assertLedgerCloses(t, registry.text());
  await receiver.stop?.();
});

test('two that are there with the same lower 16 bits: the second is warned of, and the first counts on', async (t) => {
  const { table, change, receiver, registry, log } = await running();
  await change([eth0, veth(2 + 65_536)]);
  t.deepEqual(table.calls, []);
  t.true(log.some((line) => line.includes('interfaces eth0 (2) and veth65538 (65538) share the lower 16 bits')));
  t.notRegex(registry.text(), /attach_failures_total\{receiver="ebpf_network"\} 0$/m);
  await receiver.stop?.();
});

test('what the kernel noted before a new name stays with the old one', async (t) => {
  const { table, change, clock, receiver, registry } = await running();
  const some = { bytes: 60, packets: 1 };
  const none = { bytes: 0, packets: 0 };
  const noted = (not_ip: typeof some) => ({
    ...{ iface: 2, direction: 'ingress' as const },
    filtered: { protocol: none, not_ip, counted_elsewhere: none, direction: none },
    sampled: none,
    lost: { table_full: none, malformed: none },
  });
  table.ledger = [noted(some)];
  await clock.advance(5000);
  await change([{ ...eth0, name: 'lan0' }]);
  table.ledger = [noted({ bytes: 150, packets: 3 })];
  await clock.advance(5000);
  const text = registry.text();
  t.regex(text, /filtered_bytes_total\{direction="ingress",interface="eth0",reason="not_ip",.*\} 60$/m);
  t.regex(text, /filtered_packets_total\{direction="ingress",interface="lan0",reason="not_ip",.*\} 2$/m);
  assertLedgerCloses(t, text);
  t.false(
    table.calls.some((call) => /tach/.test(call)),
    'nothing was attached or detached',
  );
  await receiver.stop?.();
});

test('an interface that vanishes while it is attached is no failure', async (t) => {
  const { table, change, receiver, registry, log } = await running();
  table.failures.set('attach', new WeirError('interface/missing', 'bpf_link_create veth7 ingress: ENODEV'));
  await change([eth0, veth(7), veth(8)]);
  await change([eth0, veth(8)]);
  t.true(table.calls.includes('attach veth8 egress'));
  t.regex(registry.text(), /attach_failures_total\{receiver="ebpf_network"\} 0$/m);
  t.false(log.some((line) => line.includes('veth7') && line.includes('warn')));
  await receiver.stop?.();
});

test('a failure to attach is counted and warned of once, does not cover, and is tried again', async (t) => {
  const { table, change, receiver, registry, log } = await running();
  const refuse = () => table.failures.set('attach', new WeirError('kernel/permission', 'EPERM'));
  for (let round = 0; round < 2; round++) {
    refuse();
    await change([eth0, veth(7, { up: round === 1 })]);
  }
  t.regex(registry.text(), /attach_failures_total\{receiver="ebpf_network"\} 2$/m);
  t.is(log.filter((line) => line.includes('Cannot count on an interface.')).length, 1);
  await change([eth0, veth(7)]);
  t.deepEqual(table.calls.slice(-2), ['setCovered 2,7', 'attach veth7 ingress']);
  await receiver.stop?.();
});

test('a list that cannot be read is tried again with the next change, and counting goes on', async (t) => {
  const { table, change, clock, consumer, kernel, receiver, log } = await running();
  const { listInterfaces } = kernel;
  kernel.listInterfaces = () => {
    throw new WeirError('kernel/call', 'netlink RTM_GETLINK: EAGAIN');
  };
  await change([eth0], [2]);
  t.true(log.some((line) => line.includes('Cannot follow the interfaces')));
  kernel.listInterfaces = listInterfaces;
  await change([eth0]);
  t.true(table.calls.includes('attach eth0 ingress'), 'it had gone and come back');
  table.count({ src: 1, dst: 2, bytes: 100, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [100]);
  await receiver.stop?.();
});

test('where nothing fits at the start it warns and waits', async (t) => {
  const { table, change, kernel, receiver, log } = setUp();
  const { listInterfaces } = kernel;
  kernel.listInterfaces = () => [];
  await receiver.start?.();
  t.true(log.some((line) => line.includes('Nothing is counted until an interface comes that fits.')));
  kernel.listInterfaces = listInterfaces;
  await change([eth0]);
  t.deepEqual(table.calls, ['setCovered 2', 'attach eth0 ingress', 'attach eth0 egress']);
  await receiver.stop?.();
});
