import test from 'ava';
import { withEndpointAttribute } from './endpoint-columns.ts';
import { placesInAll, placesOf, rowsWhere, selectRows } from './select-rows.ts';
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
  t.is(some.columns.get('dst.zone')!.rows, some.ends.dst, 'columns of one end share its codes');
});

test('finds the rows of which an attribute is true', (t) => {
  const table = createTestTables()([true, false, undefined, true].map((scope) => ({ scope, bytes: 1, packets: 1 })));
  t.deepEqual([...rowsWhere(table, 'scope')], [0, 3]);
  t.deepEqual([...rowsWhere(table, 'transport')], []);
});

test('rows that are selected twice know their places in the first table', (t) => {
  const rows = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, bytes: 1, packets: 1 }));
  const twice = selectRows(selectRows(createTestTables()(rows), Uint32Array.of(1, 3, 4)), Uint32Array.of(0, 2));
  t.deepEqual(valuesOf(twice, 'name'), ['b', 'e']);
  t.deepEqual(twice.places, Uint32Array.of(1, 4));
  t.deepEqual(placesOf(twice, Uint32Array.of(1)), Uint32Array.of(4));
});

test('places that are in all of several lists are found, in order', (t) => {
  const inAll = (...lists: readonly (readonly number[])[]) => [
    ...placesInAll(
      lists.map((list) => Uint32Array.from(list)),
      12,
    ),
  ];
  t.deepEqual(inAll([1, 3, 5, 11], [11, 5, 0], [5, 11]), [5, 11]);
  t.deepEqual(inAll([11, 2, 1], [1, 2, 11]), [1, 2, 11]);
  t.deepEqual(inAll([1, 2], []), []);
  t.deepEqual(inAll([4, 2]), [4, 2]);
  t.deepEqual(inAll(), []);
});
