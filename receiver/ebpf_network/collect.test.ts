import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { assertLedgerCloses, bytesOf, setUp } from './test-receiver.ts';

const secondsOf = ({ window }: FlowTable) =>
  [window.startNs, window.endNs].map((time) => Number(time / 1_000_000_000n));

test('collects every window and hands the flows on once', async (t) => {
  const { table, clock, consumer, receiver } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 100, packets: 1 });
  await clock.advance(5000);
  table.count({ src: 1, dst: 2, bytes: 50, packets: 1 });
  table.count({ src: 2, dst: 3, bytes: 7, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [100, 57]);
  t.deepEqual(table.calls.slice(-4), ['collect 1', 'commit', 'collect 2', 'commit']);

  const last = consumer.tables[1]?.columns;
  const addresses = [0, 1].map((row) => {
    const column = last?.get('dst.address');
    return column?.dictionary.at(column.rows[row] ?? -1);
  });
  t.deepEqual(addresses, ['10.0.0.2', '10.0.0.3']);
  await receiver.stop?.();
});

test('windows join: each starts where the last one ended', async (t) => {
  const { table, clock, consumer, receiver } = setUp();
  await receiver.start?.();
  await clock.asleep();
  for (let window = 0; window < 3; window++) {
    table.count({ src: 1, dst: 2, bytes: 1, packets: 1 });
    await clock.advance(5000);
  }
  t.deepEqual(consumer.tables.map(secondsOf), [
    [1000, 1005],
    [1005, 1010],
    [1010, 1015],
  ]);
  await receiver.stop?.();
});

test('after the wall clock was set back, windows join and have a length', async (t) => {
  const { table, clock, consumer, receiver } = setUp();
  await receiver.start?.();
  await clock.asleep();
  for (const stepMs of [0, -60_000, 0]) {
    clock.step(stepMs);
    table.count({ src: 1, dst: 2, bytes: 1, packets: 1 });
    await clock.advance(5000);
  }
  const [first, second, third] = consumer.tables.map(({ window }) => window);
  t.is(second?.startNs, first?.endNs);
  t.is(second?.endNs, (first?.endNs ?? 0n) + (5_000_000_000n * 15n) / 16n);
  t.is(third?.startNs, second?.endNs);
  await receiver.stop?.();
});

test('an empty window sends nothing but commits, and the next window starts after it', async (t) => {
  const { table, clock, consumer, receiver } = setUp();
  await receiver.start?.();
  await clock.asleep();
  await clock.advance(5000);
  t.is(consumer.tables.length, 0);
  t.deepEqual(table.calls.slice(-2), ['collect 0', 'commit']);
  table.count({ src: 1, dst: 2, bytes: 1, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(consumer.tables.map(secondsOf), [[1005, 1010]]);
  await receiver.stop?.();
});

test('without room it waits, and then one longer window has everything', async (t) => {
  const { table, clock, consumer, receiver, registry } = setUp();
  await receiver.start?.();
  await clock.asleep();
  consumer.setRoom(false);
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  void clock.advance(5000);
  await consumer.waiting();
  t.false(table.calls.some((call) => call.startsWith('collect')));
  void clock.advance(60_000);
  table.count({ src: 1, dst: 2, bytes: 5, packets: 1 });
  consumer.setRoom(true);
  await clock.asleep();
  t.deepEqual(bytesOf(consumer.tables), [15]);
  t.deepEqual(consumer.tables.map(secondsOf), [[1000, 1065]]);
  table.count({ src: 1, dst: 2, bytes: 1, packets: 1 });
  await clock.advance(4999);
  t.is(consumer.tables.length, 1, 'the window after the long one is not cut short');
  await clock.advance(1);
  t.deepEqual(bytesOf(consumer.tables), [15, 1]);
  assertLedgerCloses(t, registry.text());
  await receiver.stop?.();
});

test('room that goes away while it collects costs nothing: nothing is committed, all comes later', async (t) => {
  const { table, clock, consumer, receiver, registry } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  table.whileCollecting = () => consumer.setRoom(false);
  await clock.advance(5000);
  t.is(table.calls.at(-1), 'collect 1');
  t.regex(registry.text(), /in_table_bytes\{direction="ingress",interface="eth0",receiver="ebpf_network"\} 10$/m);
  assertLedgerCloses(t, registry.text());
  table.whileCollecting = () => {};
  consumer.setRoom(true);
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [10]);
  t.deepEqual(consumer.tables.map(secondsOf), [[1000, 1010]]);
  await receiver.stop?.();
});

test('rows that did not fit come at once with the next collect', async (t) => {
  const { table, clock, consumer, receiver } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.rowLimit = 2;
  for (let src = 1; src <= 5; src++) table.count({ src, dst: 9, bytes: src, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [3, 7, 5]);
  await receiver.stop?.();
});

test('a collect that fails is logged, counted and tried again, and loses nothing', async (t) => {
  const { table, clock, consumer, receiver, registry, log } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  table.failures.set('collect', new WeirError('kernel/call', 'scan failed: EIO'));
  await clock.advance(5000);
  t.is(consumer.tables.length, 0);
  t.true(log.some((line) => line.includes('scan failed: EIO')));
  t.regex(registry.text(), /collect_failures_total\{receiver="ebpf_network"\} 1$/m);
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [10]);
  const addresses = consumer.tables[0]?.columns.get('src.address');
  t.is(addresses?.dictionary.at(addresses.rows[0] ?? -1), '10.0.0.1', 'endpoints of the failed collect are known');
  await receiver.stop?.();
});

test('that the sockets of the host cannot be read is said once, until they can', async (t) => {
  const { table, clock, receiver, log } = setUp();
  await receiver.start?.();
  await clock.asleep();
  const said = () => log.filter((line) => line.includes('sock_diag: Permission denied')).length;
  for (const [failing, times] of [
    [true, 1],
    [true, 1],
    [false, 1],
    [true, 2],
  ] as const) {
    table.socketsFailure = failing ? 'sock_diag: Permission denied' : undefined;
    await clock.advance(5000);
    t.is(said(), times);
  }
  await receiver.stop?.();
});

// A collect after a commit that failed would bring the same rows a second time.
test('a commit that fails is done before the next collect, and nothing leaves twice', async (t) => {
  const { table, clock, consumer, receiver, registry } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 10, packets: 1 });
  table.failures.set('commit', new WeirError('kernel/call', 'membarrier: EPERM'));
  await clock.advance(5000);
  table.count({ src: 1, dst: 2, bytes: 5, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [10, 5]);
  t.deepEqual(table.calls.slice(-5), ['collect 1', 'commit', 'commit', 'collect 1', 'commit']);
  assertLedgerCloses(t, registry.text());
  await receiver.stop?.();
});

test('a table that no pipeline takes is lost with its reason, and the next one goes on', async (t) => {
  const { table, clock, consumer, receiver, registry, log } = setUp();
  await receiver.start?.();
  await clock.asleep();
  consumer.failure = new Error('processor "zone" failed');
  table.count({ src: 1, dst: 2, bytes: 10, packets: 2 });
  await clock.advance(5000);
  consumer.failure = undefined;
  table.count({ src: 1, dst: 2, bytes: 5, packets: 1 });
  await clock.advance(5000);
  t.deepEqual(bytesOf(consumer.tables), [5]);
  t.true(log.some((line) => line.includes('processor \\"zone\\" failed')));
  const text = registry.text();
  t.regex(text, /lost_bytes_total\{direction="ingress",interface="eth0",reason="pipeline_failed",.*\} 10$/m);
  assertLedgerCloses(t, text);
  await receiver.stop?.();
});

test('rows that every pipeline filtered are filtered by rule, and the ledger closes', async (t) => {
  const { table, clock, consumer, receiver, registry } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 100, packets: 3 });
  table.count({ src: 2, dst: 1, bytes: 20, packets: 2, direction: 'egress' });
  table.count({ src: 3, dst: 1, bytes: 7, packets: 1 });
  consumer.notTaken = { filtered: [{ reason: 'rule', places: Uint32Array.of(0, 1) }], held: undefined };
  await clock.advance(5000);
  assertLedgerCloses(t, registry.text());
  const figure = (name: string, direction: string) =>
    new RegExp(
      `^otelcol_receiver_ebpf_network_${name}\\{(?=[^}]*direction="${direction}")(?![^}]*reason="(?!rule")).*\\} (\\d+)$`,
      'm',
    ).exec(registry.text())?.[1];
  t.deepEqual(
    ['filtered_bytes_total', 'filtered_packets_total', 'exported_bytes_total', 'in_table_bytes'].map((name) => [
      figure(name, 'ingress'),
      figure(name, 'egress'),
    ]),
    [
      ['100', '20'],
      ['3', '2'],
      ['7', '0'],
      ['0', '0'],
    ],
  );
  t.regex(registry.text(), /filtered_bytes_total\{.*reason="rule".*\} 100/);
  await receiver.stop?.();
});
