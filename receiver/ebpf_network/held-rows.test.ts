/** Rows that a processor holds back: where the ledger has them, and when their window is committed. */

import test from 'ava';
import type { EndOfHeld, HeldPlaces } from '../../core/component/define.ts';
import type { FakeConsumer } from './kernel-table.fake.ts';
import { assertLedgerCloses, setUp } from './test-receiver.ts';

/** Holds these rows of the next table back; gives the function that says what became of them. */
function holdBack(consumer: FakeConsumer, ...places: readonly number[]): (end: EndOfHeld) => void {
  let tell: (end: EndOfHeld) => void = () => undefined;
  const held: HeldPlaces = {
    places: Uint32Array.from(places),
    onGone: (callback) => {
      tell = callback;
    },
  };
  consumer.notTaken = { filtered: [], held };
  return (end) => tell(end);
}

const figureOf = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`^otelcol_receiver_ebpf_network_${name}\\{.*\\} (\\d+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );

test('rows that a processor holds back are in the table until they have gone, over the next windows', async (t) => {
  const { table, clock, consumer, receiver, registry } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 100, packets: 3 });
  table.count({ src: 3, dst: 1, bytes: 20, packets: 2 });
  table.count({ src: 4, dst: 1, bytes: 7, packets: 1 });
  const end = holdBack(consumer, 0, 1);
  await clock.advance(5000);
  consumer.notTaken = undefined;
  table.count({ src: 4, dst: 1, bytes: 9, packets: 1 });
  await clock.advance(5000);
  const figures = () =>
    ['seen_bytes_total', 'exported_bytes_total', 'filtered_bytes_total', 'in_table_bytes'].map((name) => {
      assertLedgerCloses(t, registry.text());
      return figureOf(registry.text(), name);
    });
  t.deepEqual(figures(), [136, 16, 0, 120]);
  end({ filtered: [{ reason: 'counted_elsewhere', places: Uint32Array.of(1) }], lost: new Uint32Array(0) });
  t.deepEqual(figures(), [136, 116, 20, 0]);
  t.regex(registry.text(), /filtered_bytes_total\{.*reason="counted_elsewhere".*\} 20$/m);
  await receiver.stop?.();
});

test('at the end rows that are held back go on first, and the ledger has them', async (t) => {
  const { table, clock, consumer, receiver, written } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.count({ src: 1, dst: 2, bytes: 100, packets: 3 });
  const end = holdBack(consumer, 0);
  await clock.advance(5000);
  consumer.notTaken = undefined;
  consumer.onRelease = () => end({ filtered: [], lost: new Uint32Array(0) });
  await receiver.stop?.();
  t.regex(written.join(''), /seen 100 B {2}3 pkt {3}exported 100 B {3}filtered 0 {3}sampled 0 {3}lost 0\n/);
});

test('pinned, a window with rows that are held back is committed when all have arrived, and the next one waits', async (t) => {
  const { table, clock, consumer, receiver, registry } = setUp(undefined, { pin_path: '/sys/fs/bpf/weir' });
  await receiver.start?.();
  await clock.asleep();
  consumer.delivers = false;
  table.count({ src: 1, dst: 2, bytes: 100, packets: 3 });
  table.count({ src: 3, dst: 2, bytes: 20, packets: 1 });
  const end = holdBack(consumer, 0);
  const advanced = clock.advance(5000);
  while (consumer.tables.length === 0) await new Promise(setImmediate);
  end({ filtered: [{ reason: 'rule', places: Uint32Array.of(0) }], lost: new Uint32Array(0) });
  t.is(figureOf(registry.text(), 'in_table_bytes'), 120);
  t.is(figureOf(registry.text(), 'exported_bytes_total'), 0);
  consumer.notTaken = undefined;
  consumer.settle('delivered');
  await advanced;
  assertLedgerCloses(t, registry.text());
  t.is(figureOf(registry.text(), 'exported_bytes_total'), 20);
  t.is(figureOf(registry.text(), 'filtered_bytes_total'), 100);
  consumer.delivers = true;
  await receiver.stop?.();
  await receiver.finish?.();
});
