import test from 'ava';
import { flowBytes, numberedSeries, tableOf } from '../../test/support/metric-tables.ts';
import { createExposition, PIECE_BYTES } from './exposition.ts';
import { SeriesStore, type Snapshot } from './series-store.ts';

const packets = { ...flowBytes, name: 'beyla.network.flow.packets', unit: '{packet}' };

const createStore = () =>
  new SeriesStore({
    naming: { namespace: '', suffixes: true },
    expirationMs: 15,
    labels: { constant: {}, fromResource: () => false, scopeInfo: false, onCollision: () => undefined },
  });

function textOf(snapshot: Snapshot): string {
  const exposition = createExposition(snapshot, { format: 'text', timestamps: false, namespace: '' });
  return Array.from({ length: exposition.pieces }, (_, number) =>
    exposition.piece(number, Buffer.alloc(PIECE_BYTES)).toString(),
  ).join('');
}

test('series come and go for long: sums stay with those that stayed, and what is gone takes no memory', (t) => {
  const store = createStore();
  const staying = tableOf([{ attributes: { pod: 'that-stays' }, value: 3 }]);
  let before: { readonly snapshot: Snapshot; readonly text: string } | undefined;
  for (let round = 0; round < 12; round++) {
    const passing = Array.from({ length: 3000 }, (_, i) => ({ attributes: { pod: `${round}-${i}` }, value: 1 }));
    const tables = [staying, tableOf(passing)];
    const sum = 3 * (2 * round + 1);
    store.add([...tables, ...tables.map((table) => ({ ...table, metric: packets }))], round * 20);
    t.is(store.size, 2 * 3001);
    const snapshot = store.snapshot(round * 20);
    const text = textOf(snapshot);
    const stayed = text.split('\n').filter((line) => line.includes('that-stays'));
    t.deepEqual(stayed, [
      `beyla_network_flow_bytes_total{pod="that-stays",job="weir"} ${sum}`,
      `beyla_network_flow_packets_total{pod="that-stays",job="weir"} ${sum}`,
    ]);
    t.is(new Set(text.split('\n')).size, 2 * 3003 + 3 + 1);
    t.true(snapshot.texts.segmentOf.length <= 8192, `${snapshot.texts.segmentOf.length} texts have room`);
    if (before !== undefined) t.is(textOf(before.snapshot), before.text, 'a scrape in between still reads its own');
    before = { snapshot, text };
    store.add([staying, { ...staying, metric: packets }], round * 20 + 10);
  }
});

test('a snapshot is shared until something changes', (t) => {
  const store = createStore();
  store.add([numberedSeries(2)], 0);
  const first = store.snapshot(1);
  t.is(store.snapshot(15), first);
  t.not(store.snapshot(16), first, 'its series have expired');
  t.deepEqual(
    store.snapshot(16).families.map(({ values }) => values.length),
    [0],
  );
  store.add([], 17);
  t.is(store.size, 0);
});

const values: readonly number[] = [0, 9, 10, 999_999_999, 1_000_000_000, 4_294_967_296, 10 ** 15, 2 ** 53 - 1];

test('values are written as the integers that they are', (t) => {
  const store = createStore();
  store.add([tableOf(values.map((value) => ({ attributes: { v: String(value) }, value })))], 0);
  const written = [...textOf(store.snapshot(0)).matchAll(/v="(\d+)".* (\d+)$/gm)].map(([, label, value]) => [
    label,
    value,
  ]);
  t.deepEqual(
    written,
    values.map((value) => [String(value), String(value)]),
  );
});
