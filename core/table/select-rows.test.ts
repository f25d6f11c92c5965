import test from 'ava';
import { withEndpointAttribute } from './endpoint-columns.ts';
import { rowsWhere, selectRows } from './select-rows.ts';
import { createTestFlows, createTestTables, valuesOf } from './testing.ts';

test('keeps the rows named, with their ends, attributes and measures, in the order given', (t) => {
  const table = createTestFlows()([
    { src: '10.0.0.1', dst: '10.0.0.2', bytes: 10, packets: 1 },
    { src: '10.0.0.2', dst: '10.0.0.3', bytes: 20, packets: 2 },
    { src: '10.0.0.3', dst: '10.0.0.1', bytes: 30, packets: 3 },
  ]);
  const named = withEndpointAttribute(
    table,
    '{end}.zone',
    table.ends.endpoints.derive({}, (code) => `z${code}`),
  );
  const some = selectRows(named, Uint32Array.of(2, 0));
  t.is(some.rows, 2);
  t.deepEqual(valuesOf(some, 'src.address'), ['10.0.0.3', '10.0.0.1']);
  t.deepEqual(valuesOf(some, 'dst.zone'), ['z0', 'z1']);
  t.deepEqual(valuesOf(some, 'server.port'), [443, 443]);
  t.deepEqual([...some.measures.bytes, ...some.measures.packets], [30, 10, 3, 1]);
  t.deepEqual([...some.ends.dst], [0, 1]);
});

test('finds the rows of which an attribute is true', (t) => {
  const table = createTestTables()([true, false, undefined, true].map((scope) => ({ scope, bytes: 1, packets: 1 })));
  t.deepEqual([...rowsWhere(table, 'scope')], [0, 3]);
  t.deepEqual([...rowsWhere(table, 'transport')], []);
});
