import { constants } from 'node:os';
import test from 'ava';
import { setUp } from './test-receiver.ts';

const figure = (text: string, name: string) =>
  Number(new RegExp(`^otelcol_receiver_ebpf_network_${name}.*? (\\d+)$`, 'm').exec(text)?.[1]);

test('counts what conntrack answered, by result', async (t) => {
  const { table, clock, receiver, registry } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.natLookUps = { translated: 5, untranslated: 4, missing: 3, ambiguous: 2, failed: 1, dumps: 2, errno: 0 };
  await clock.advance(5000);
  await clock.advance(5000);
  const text = registry.text();
  const results = ['translated', 'untranslated', 'missing', 'ambiguous', 'failed'];
  t.deepEqual(
    results.map((result) => figure(text, `nat_lookups_total{receiver="ebpf_network",result="${result}"}`)),
    [10, 8, 6, 4, 2],
  );
  t.is(figure(text, 'nat_dumps_total'), 4);
  await receiver.stop?.();
});

test('says once that conntrack refuses to answer, and goes without', async (t) => {
  const { table, clock, consumer, receiver, log } = setUp();
  await receiver.start?.();
  await clock.asleep();
  table.natLookUps = { ...table.natLookUps, failed: 1, errno: constants.errno.EPERM };
  for (const bytes of [300, 400]) {
    table.count({ src: 1, dst: 2, bytes, packets: 1 });
    await clock.advance(5000);
  }
  t.is(consumer.tables.length, 2);
  t.is(log.filter((line) => /conntrack answers EPERM.*CAP_NET_ADMIN/.test(line)).length, 1);
  await receiver.stop?.();
});
