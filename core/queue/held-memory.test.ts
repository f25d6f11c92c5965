import test from 'ava';
import { tableOf } from '../../test/support/metric-tables.ts';
import { arriving } from '../../test/support/one-identity.ts';
import { HeldMemory } from './held-memory.ts';

test('an index counts once, with all the memory it has reserved, until its last table is gone', (t) => {
  const names = Array.from({ length: 10 }, (_, i) => `attribute-${i}`);
  const rows = Array.from({ length: 65 }, (_, i) => ({
    attributes: Object.fromEntries(names.map((name) => [name, i])),
    value: i,
  }));
  const table = tableOf(rows);
  const reserved = table.series.columns.reduce((sum, { codes }) => sum + codes.byteLength, 0);
  const held = new HeldMemory();
  held.add([table]);
  const one = held.bytes;
  t.true(one > reserved);
  held.add([table]);
  t.is(held.bytes - one, table.ids.byteLength + table.values.byteLength);
  held.remove([table, table]);
  t.is(held.bytes, 0);
});

test('metrics that are no flows count by their bytes', (t) => {
  const table = arriving({ 'service.name': 'shop' });
  const held = new HeldMemory();
  held.add([table, table]);
  t.true(held.bytes >= 2 * (table.content.byteLength + table.resource!.byteLength));
  held.remove([table]);
  held.remove([table]);
  t.is(held.bytes, 0);
});
