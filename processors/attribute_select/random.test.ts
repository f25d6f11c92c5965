/** Random flows through random selections: whatever is chosen, no byte and no packet comes or goes. */

import test from 'ava';
import { decodeBlock } from '../../core/config/block.ts';
import { treeOf } from '../../core/config/tree.ts';
import { attributes } from '../../core/table/attributes.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { createTestTables, pointsOf, type TestRow } from '../../core/table/testing.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import attributeSelect from './index.ts';

const ROUNDS = 60;
const WINDOWS = 3;

function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
}

const names = attributes.map(({ name }) => name);
const globs = ['*', 'src.*', 'dst_*', '*zone', '*.port', 'k8s.*', 'source.*', '[sd]??.name', 'network_*'];
const sections = [
  '*',
  'beyla_network_*',
  'beyla_network_flow_bytes',
  'obi.network.flow.packets',
  '*zone*',
  'network_flow_io',
];

test('the points of every metric sum to the bytes and packets of its rows, under every preset', (t) => {
  const random = createRandom(11);
  const some = <Item>(items: readonly Item[], oneIn: number) => items.filter(() => random(oneIn) === 0);
  const filled = names.filter((name) => name !== 'network.flow.inter_zone');
  for (let round = 0; round < ROUNDS; round++) {
    const select = Object.fromEntries(
      some(sections, 2).map((key) => [
        key,
        { include: [...some(names, 6), ...some(globs, 4)], exclude: [...some(names, 8), ...some(globs, 6)] },
      ]),
    );
    const { config, problems } = decodeBlock(attributeSelect.config, treeOf({ select }, 'test'));
    t.deepEqual([...problems, ...(attributeSelect.validate?.(config) ?? [])], []);
    const processor = attributeSelect.create(config, createRecordingHost('attribute_select'));
    const tables = createTestTables();
    for (let window = 0; window < WINDOWS; window++) {
      const rows = Array.from({ length: 1 + random(600) }, (): TestRow => {
        const values = some(filled, 3).map((name) => [name, `${name} ${random(4)}`]);
        const zones = random(3) === 0 ? {} : { 'network.flow.inter_zone': random(2) === 0 };
        const measures = { bytes: random(2 ** 24) * 2 ** 18, packets: random(2 ** 20) };
        return { ...Object.fromEntries(values), ...zones, ...measures };
      });
      const table = tables(rows, { attributes: names, metricNames: ['beyla', 'obi', 'otel'] });
      const made = processor.flows!(table) as readonly MetricTable[];
      const between = rows.filter((row) => row['network.flow.inter_zone'] === true);
      t.is(made.length, between.length > 0 ? 8 : 6);
      for (const one of made) {
        const measure = one.metric.unit === 'By' ? 'bytes' : 'packets';
        const counted = one.metric.name.includes('inter.zone') ? between : rows;
        const sum = (total: number, value: number) => total + value;
        t.is(one.values.reduce(sum, 0), counted.map((row) => row[measure]).reduce(sum, 0), one.metric.name);
        t.is(pointsOf(one).size, one.ids.length, 'one point for each set of attributes');
      }
    }
  }
});
