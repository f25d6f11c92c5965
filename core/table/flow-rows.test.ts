import test from 'ava';
import { ABSENT } from './dictionary.ts';
import { flowAttributes } from './flow-columns.ts';
import { createFlowRows } from './flow-rows.ts';
import { SECOND_NS, testResource, testScope } from './testing.ts';

test('a table whose rows have no ports has the columns of ports all the same, empty', (t) => {
  const rows = createFlowRows()();
  rows.append([
    ['src.address', '192.0.2.1'],
    ['dst.address', '192.0.2.2'],
    ['transport', 'ICMP'],
  ]);
  const { columns } = rows.finish({
    window: { startNs: 0n, endNs: SECOND_NS },
    resource: testResource,
    scope: testScope,
    metricNames: ['beyla'],
  });
  t.deepEqual(
    flowAttributes.filter((name) => !columns.has(name)),
    [],
  );
  t.deepEqual([...columns.get('dst.port')!.rows], [ABSENT]);
  t.deepEqual([...columns.get('direction')!.rows], [ABSENT]);
});
