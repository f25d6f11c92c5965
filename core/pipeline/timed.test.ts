import test from 'ava';
import { arriving } from '../../test/support/one-identity.ts';
import type { Consumer, Exporter, Processor, ServiceView, Settlement } from '../component/define.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { buildGraph } from './build.ts';
import {
  exporterInstance,
  extensionInstance,
  sampleConfig,
  sampleExporter,
  sampleFlows,
  samplePipeline,
  sampleProcessor,
  sampleReceiver,
} from './samples.ts';

/** `in -> first -> out` beside an extension that looks at it. */
function setUp(first: Processor, out: Exporter) {
  let consumer: Consumer | undefined;
  let view: ServiceView | undefined;
  const looking = extensionInstance('looking', {});
  const definition: typeof looking.definition = {
    ...looking.definition,
    create(_config, _host, service) {
      view = service;
      return {};
    },
  };
  const receivers = [
    sampleReceiver('in', (given) => {
      consumer = given;
      return {};
    }),
  ];
  const config = sampleConfig({
    receivers,
    processors: [sampleProcessor('first', {}, () => first)],
    exporters: [exporterInstance('out', out)],
    extensions: [{ ...looking, definition }, extensionInstance('spare', {})],
    usedExtensions: ['looking'],
    pipelines: [samplePipeline(['first'])],
  });
  buildGraph(config, {
    build: { command: 'weir', version: '0' },
    clock: systemClock,
    logger: createLogger({ write: () => undefined }),
    metrics: createRegistry(),
  });
  const figures = () =>
    view?.operations.report().map(({ name, running, buckets, failed }) => {
      const well = buckets.reduce((sum, { count }) => sum + count, 0);
      return [name, running.count, well, failed.samples.map(({ failure }) => failure)];
    });
  return { consumer: consumer!, view: view!, figures };
}

test('an extension sees the pipelines and extensions that run, and what the components do', (t) => {
  const told: ((settlement: Settlement) => void)[] = [];
  const out: Exporter = { ...sampleExporter(), export: (_tables, onSettled) => void told.push(onSettled!) };
  const { consumer, view, figures } = setUp({ flows: (table) => [table] }, out);
  t.deepEqual(
    view.pipelines.map(({ id }) => id),
    ['metrics'],
  );
  t.deepEqual(view.extensions, ['looking']);
  const settled: Settlement[] = [];
  for (let times = 0; times < 3; times++) consumer.consume(sampleFlows(10, 1), (how) => settled.push(how));
  const passed = ['processor/first/metrics', 0, 3, []];
  const received = ['receiver/in/MetricsReceived', 0, 3, []];
  t.deepEqual(figures(), [['exporter/out/metrics', 3, 0, []], passed, received]);
  told[0]?.('delivered');
  told[1]?.('given_up');
  const failure = 'points were given up; the log of this exporter says why';
  t.deepEqual(figures(), [['exporter/out/metrics', 1, 1, [failure]], passed, received]);
  t.deepEqual(settled, ['delivered', 'given_up']);
});

test('a processor and an exporter that fail are seen with their error, which goes on as it did', (t) => {
  const broken: Exporter = {
    ...sampleExporter(),
    export() {
      throw new RangeError('Invalid string length');
    },
  };
  let failing = true;
  const first: Processor = {
    flows(table) {
      if (failing) throw new TypeError('no such row');
      return [table];
    },
  };
  const { consumer, figures } = setUp(first, broken);
  t.throws(() => consumer.consume(sampleFlows(10, 1)), { message: 'processor "first" failed: no such row' });
  failing = false;
  consumer.consume(sampleFlows(10, 1));
  t.deepEqual(figures(), [
    ['exporter/out/metrics', 0, 0, ['Invalid string length']],
    ['processor/first/metrics', 0, 1, ['no such row']],
    ['receiver/in/MetricsReceived', 0, 1, ['processor "first" failed: no such row']],
  ]);
});

test('metrics that are no flows are timed like tables', (t) => {
  const { consumer, figures } = setUp(
    { flows: (table) => [table], resourceMetrics: (table) => table },
    {
      ...sampleExporter(),
      export: (_tables, onSettled) => onSettled?.('delivered'),
    },
  );
  consumer.passOn([arriving({})]);
  t.deepEqual(figures(), [
    ['exporter/out/metrics', 0, 1, []],
    ['processor/first/metrics', 0, 1, []],
    ['receiver/in/MetricsReceived', 0, 1, []],
  ]);
});
