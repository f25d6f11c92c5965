import test, { type ExecutionContext } from 'ava';
import type { Consumer, Processor } from '../component/define.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { WeirError } from '../errors.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { buildGraph } from './build.ts';
import {
  exporterInstance,
  sampleConfig,
  sampleExporter,
  sampleFlows,
  samplePipeline,
  sampleProcessor,
  sampleReceiver,
} from './samples.ts';

/** Builds the graph around a receiver `in`, and gives the consumer that it got. */
function build(parts: Pick<ResolvedConfig, 'pipelines'> & Partial<ResolvedConfig>) {
  let consumer: Consumer | undefined;
  const receivers = [
    sampleReceiver('in', (given) => {
      consumer = given;
      return {};
    }),
  ];
  const log: string[] = [];
  const registry = createRegistry();
  const graph = buildGraph(sampleConfig({ receivers, ...parts }), {
    build: { command: 'weir', version: '0' },
    clock: systemClock,
    logger: createLogger({ write: (line) => log.push(line) }),
    metrics: registry,
  });
  if (consumer === undefined) throw new Error('the receiver was not created');
  return { graph, consumer, log, registry };
}

const valuesOf = (tables: readonly MetricTable[]) => tables.map(({ metric, values }) => `${metric.name} ${values}`);
const attributesOf = ({ series }: MetricTable) => series.columns.map(({ name }) => name);

const failing: Processor = {
  flows() {
    throw new TypeError('no such row');
  },
};

test('without attribute_select bytes and packets leave with every attribute', (t) => {
  const out = sampleExporter();
  const { consumer } = build({ exporters: [exporterInstance('out', out)], pipelines: [samplePipeline([])] });
  consumer.consume(sampleFlows(1500, 2));
  t.deepEqual(valuesOf(out.calls[0] ?? []), ['beyla.network.flow.bytes 1500', 'beyla.network.flow.packets 2']);
  const attributes = attributesOf(out.calls[0]?.[0] as MetricTable);
  for (const name of ['src.address', 'dst.address', 'server.port', 'transport', 'iface'])
    t.true(attributes.includes(name));
});

test('an exporter that fails costs its own points, not those of the others', (t) => {
  const [broken, sound] = [sampleExporter(), sampleExporter()];
  broken.export = () => {
    throw new RangeError('Invalid string length');
  };
  const { consumer, log, registry } = build({
    exporters: [exporterInstance('broken', broken), exporterInstance('sound', sound)],
    pipelines: [samplePipeline([], { exporters: ['broken', 'sound'] })],
  });
  t.notThrows(() => consumer.consume(sampleFlows(1500, 2)));
  t.is(sound.calls.length, 1);
  t.regex(registry.text(), /^otelcol_exporter_send_failed_metric_points\{exporter="broken"\} 2$/m);
  t.true(log.some((line) => line.includes('Invalid string length')));
});

test('flows are made into metrics before the first processor of metrics', (t) => {
  const out = sampleExporter();
  const seen: string[] = [];
  const { consumer } = build({
    exporters: [exporterInstance('out', out)],
    processors: [
      sampleProcessor('doubling', {}, () => ({
        flows: (table) => [table, table],
      })),
      sampleProcessor('watching', { consumes: 'metrics' }, () => ({
        metrics(tables) {
          seen.push(...valuesOf(tables));
          return tables.slice(0, 1);
        },
      })),
    ],
    pipelines: [samplePipeline(['doubling', 'watching'])],
  });
  consumer.consume(sampleFlows(10, 1));
  t.is(seen.length, 4);
  t.deepEqual(valuesOf(out.calls[0] ?? []), ['beyla.network.flow.bytes 10']);
});

test('the same processor in two pipelines is two instances, a receiver and an exporter are one', (t) => {
  const out = sampleExporter();
  let created = 0;
  const counting = sampleProcessor('counting', {}, () => {
    created += 1;
    return {};
  });
  const { graph } = build({
    exporters: [exporterInstance('out', out)],
    processors: [counting],
    pipelines: [samplePipeline(['counting']), samplePipeline(['counting'], { id: 'metrics/two' })],
  });
  t.is(created, 2);
  t.deepEqual([graph.receivers.length, graph.processors.length, graph.exporters.length], [1, 2, 1]);
});

test('what no pipeline uses is not created', (t) => {
  const unused = sampleProcessor('unused', {}, () => {
    throw new Error('created');
  });
  const { graph } = build({
    exporters: [exporterInstance('out', sampleExporter()), exporterInstance('spare', sampleExporter())],
    processors: [unused],
    pipelines: [samplePipeline([])],
  });
  t.deepEqual(
    graph.exporters.map(({ id }) => id),
    ['out'],
  );
});

test('an exporter of two pipelines gets their tables in one call, so that room for one is enough', (t) => {
  const out = sampleExporter();
  const { consumer } = build({
    exporters: [exporterInstance('out', out)],
    pipelines: [samplePipeline([]), samplePipeline([], { id: 'metrics/two' })],
  });
  consumer.consume(sampleFlows(10, 1));
  t.is(out.calls.length, 1);
  t.is(out.calls[0]?.length, 4);
});

test('there is room while any exporter has room, and a full one misses the table', (t) => {
  const [full, free] = [sampleExporter(), sampleExporter()];
  const { consumer } = build({
    exporters: [exporterInstance('full', full), exporterInstance('free', free)],
    pipelines: [samplePipeline([], { exporters: ['full', 'free'] })],
  });
  full.setRoom(false);
  t.true(consumer.hasRoom());
  consumer.consume(sampleFlows(10, 1));
  t.deepEqual([full.refused, free.calls.length], [1, 1]);
  free.setRoom(false);
  t.false(consumer.hasRoom());
});

test('who waits for room goes on when an exporter behind it has room, or when it is told to stop', async (t) => {
  const [own, other] = [sampleExporter(), sampleExporter()];
  const { consumer } = build({
    exporters: [exporterInstance('out', own), exporterInstance('other', other)],
    pipelines: [samplePipeline([]), samplePipeline([], { id: 'metrics/other', receivers: [], exporters: ['other'] })],
  });
  own.setRoom(false);
  let resumed = false;
  const waiting = consumer.waitForRoom(new AbortController().signal).then(() => {
    resumed = true;
  });
  other.setRoom(true);
  await new Promise(setImmediate);
  t.false(resumed, 'another pipeline’s exporter is of no use');
  own.setRoom(true);
  await waiting;

  own.setRoom(false);
  const abort = new AbortController();
  const stopped = consumer.waitForRoom(abort.signal);
  abort.abort();
  await stopped;
  t.false(consumer.hasRoom());
});

function lossOf(t: ExecutionContext, log: readonly string[]) {
  const line = log.find((one) => one.includes('Pipeline lost a table.'));
  if (line === undefined) return t.fail('no line about the loss');
  return JSON.parse(line.split('\t')[3] ?? '');
}

test('a processor that fails loses its own pipeline’s table only, and says how much', (t) => {
  const [bad, good] = [sampleExporter(), sampleExporter()];
  const { consumer, log, registry } = build({
    exporters: [exporterInstance('bad', bad), exporterInstance('good', good)],
    processors: [sampleProcessor('failing', {}, () => failing)],
    pipelines: [
      samplePipeline(['failing'], { id: 'metrics/bad', exporters: ['bad'] }),
      samplePipeline([], { id: 'metrics/good', exporters: ['good'] }),
    ],
  });
  consumer.consume(sampleFlows(1500, 2));
  t.deepEqual([bad.calls.length, good.calls.length], [0, 1]);
  const { bytes, packets, rows, error, ...fields } = lossOf(t, log);
  t.deepEqual([bytes, packets, rows], [1500, 2, 1]);
  t.is(fields['otelcol.pipeline.id'], 'metrics/bad');
  t.regex(error, /^processor "failing" failed: no such row/);
  t.regex(registry.text(), /^otelcol_pipeline_lost_bytes_total\{pipeline="metrics\/bad"\} 1500$/m);
});

test('when every pipeline fails the receiver is told', (t) => {
  const { consumer } = build({
    exporters: [exporterInstance('out', sampleExporter())],
    processors: [sampleProcessor('failing', {}, () => failing)],
    pipelines: [samplePipeline(['failing'])],
  });
  const error = t.throws(() => consumer.consume(sampleFlows(1, 1)), { instanceOf: WeirError });
  t.is(error?.code, 'pipeline/failed');
});

test('a component that cannot be created is named with its place', (t) => {
  const refusing = sampleProcessor('refusing', {}, () => {
    throw new WeirError('config/value', 'must not be odd', { fix: 'add one' });
  });
  const error = t.throws(
    () =>
      build({
        exporters: [exporterInstance('out', sampleExporter())],
        processors: [refusing],
        pipelines: [samplePipeline(['refusing'])],
      }),
    { instanceOf: WeirError },
  );
  t.is(
    error?.report(),
    'failed to build pipelines: failed to create "refusing" processor: must not be odd\n' +
      '  collector.yaml:1:1  processors::refusing   add one   [config/value]',
  );
});
