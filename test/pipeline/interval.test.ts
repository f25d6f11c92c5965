/** Tables of a receiver through a configured pipeline that sends by its own clock: points out, in time and at the end. */

import test from 'ava';
import { type Consumer, defineExporter, defineReceiver } from '../../core/component/define.ts';
import { loadConfig } from '../../core/config/load.ts';
import { startService } from '../../core/pipeline/service.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { isMetricTable } from '../../core/table/resource-metrics.ts';
import { createTestTables, pointsOf, SECOND_NS } from '../../core/table/testing.ts';
import attributeSelect from '../../processors/attribute_select/index.ts';
import deltaToCumulative from '../../processors/delta_to_cumulative/index.ts';
import interval from '../../processors/interval/index.ts';
import { createManualClock } from '../support/manual-clock.ts';

const YAML = `
receivers: {source: }
processors:
  attribute_select: {features: [network]}
  delta_to_cumulative:
  interval:
exporters: {sink: }
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [source], processors: [attribute_select, delta_to_cumulative, interval], exporters: [sink]}
`;

test('points leave once an interval, without a table that comes, and at the end with the last table of the receiver', async (t) => {
  const clock = createManualClock();
  const exported: MetricTable[] = [];
  const steps: string[] = [];
  let push: (window: number, bytes: number) => void = () => undefined;
  const create = (consumer: Consumer) => {
    const tables = createTestTables();
    push = (window, bytes) => {
      const startNs = BigInt(window) * 5n * SECOND_NS;
      const rows = [{ direction: 'request', bytes, packets: 1 }];
      consumer.consume(tables(rows, { window: { startNs, endNs: startNs + 5n * SECOND_NS } }));
    };
    return { stop: async () => push(13, 1000) };
  };
  const source = defineReceiver<object>({
    type: 'source',
    stability: 'alpha',
    description: 'Tables of the test.',
    config: {},
    adds: flowAttributes,
    create: (_config, _host, consumer) => create(consumer),
  });
  const sink = defineExporter<object>({
    type: 'sink',
    stability: 'alpha',
    description: 'Keeps what arrives.',
    config: {},
    create: () => ({
      hasRoom: () => true,
      onRoom: () => undefined,
      export: (tables) => {
        steps.push('export');
        exported.push(...tables.filter(isMetricTable));
      },
      stop: async () => void steps.push('stop'),
    }),
  });
  const components = [source, sink, attributeSelect, deltaToCumulative, interval];
  const config = loadConfig({ uris: [`yaml:${YAML}`] }, components);
  const build = { command: 'weir', version: '0.1.0' };
  const service = await startService(config, { build, clock, write: () => undefined });

  for (let window = 0; window < 12; window++) push(window, 10);
  t.deepEqual(exported, []);
  await clock.untilSleeping(60_000);
  clock.advance(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(
    exported.splice(0).map((table) => [...pointsOf(table).values()]),
    [[120]],
  );

  push(12, 10);
  await service.stop();
  t.deepEqual(
    exported.map((table) => [...pointsOf(table).values()]),
    [[1130]],
  );
  t.deepEqual(steps, ['export', 'export', 'stop']);
});
