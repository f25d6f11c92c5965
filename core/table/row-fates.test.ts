import test from 'ava';
import { decisionTable, partRows } from './row-fates.ts';
import { createTestFlows } from './testing.ts';

const flows = [
  { src: '10.0.0.1', dst: '10.0.0.2' },
  { src: '10.0.0.2', dst: '10.0.0.1' },
  { src: '10.0.0.3', dst: '10.0.0.1', shown: { dst: '10.0.0.9' } },
  { src: '10.0.0.3', dst: '10.0.0.1' },
];
test('each row goes by the kinds of its two ends, and by whether its packets show another destination', (t) => {
  const table = createTestFlows()(flows);
  const decisions = decisionTable(3, (src, dst, translated) => {
    if (src === 1) return 1;
    return src === 2 && dst === 0 && !translated ? 2 : 0;
  });
  const places = partRows(table, kindsOf(table.ends.endpoints), decisions)!;
  t.deepEqual(
    places.slice(0, 3).map((list) => [...list]),
    [[0, 2], [1], [3]],
  );
});

test('where every row has the first fate there are no lists', (t) => {
  const table = createTestFlows()(flows);
  t.is(
    partRows(
      table,
      kindsOf(table.ends.endpoints),
      decisionTable(3, () => 0),
    ),
    undefined,
  );
});

/** 10.0.0.2 is of kind 1, 10.0.0.3 of kind 2, others of kind 0. */
function kindsOf({ size, addresses }: { readonly size: number; readonly addresses: { at(code: number): unknown } }) {
  const known: Readonly<Record<string, number>> = { '10.0.0.2': 1, '10.0.0.3': 2 };
  return Uint8Array.from({ length: size }, (_, endpoint) => known[String(addresses.at(endpoint))] ?? 0);
}
