import test from 'ava';
import { flowMetrics } from './metrics.ts';
import { createMetricsOfFlows } from './metrics-of-flows.ts';
import { createSeriesEstimate } from './series-estimate.ts';
import { createTestTables } from './testing.ts';

const [bytes] = flowMetrics;
const measures = { bytes: 1, packets: 1 };

test('series are counted once over windows and indexes, and at worst each source talks to each destination', (t) => {
  const estimate = createSeriesEstimate();
  const attributes = ['src.address', 'dst.address', 'k8s.src.namespace', 'transport', 'direction'];
  const rows = [
    {
      'src.address': 'a',
      'k8s.src.namespace': 'n',
      'dst.address': 'x',
      transport: 'TCP',
      direction: 'request',
      ...measures,
    },
    {
      'src.address': 'b',
      'k8s.src.namespace': 'n',
      'dst.address': 'y',
      transport: 'UDP',
      direction: 'request',
      ...measures,
    },
    {
      'src.address': 'b',
      'k8s.src.namespace': 'n',
      'dst.address': 'z',
      transport: 'UDP',
      direction: 'request',
      ...measures,
    },
  ];
  for (const presets of [['beyla'], ['beyla', 'otel']] as const) {
    // New dictionaries, as after a change of epoch: the series are the same.
    const tables = createTestTables();
    const metricsOfFlows = createMetricsOfFlows();
    for (let window = 0; window < 2; window++) {
      estimate.add(metricsOfFlows(tables(rows, { metricNames: presets }), [{ metric: bytes!, attributes }]));
    }
  }
  const [beyla, otel] = estimate.metrics();
  t.deepEqual([beyla?.metric, beyla?.series, beyla?.worst], ['beyla.network.flow.bytes', 3, 2 * 3 * 2]);
  t.deepEqual(beyla?.attributes, [
    { name: 'src.address', values: 2 },
    { name: 'dst.address', values: 3 },
    { name: 'k8s.src.namespace', values: 1 },
    { name: 'transport', values: 2 },
    { name: 'direction', values: 1 },
  ]);
  t.deepEqual([otel?.metric, otel?.series, otel?.worst], ['network.flow.io', 3, 12]);
});
