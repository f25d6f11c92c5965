import test from 'ava';
import { EVERY_KIND_POINTS } from '../../test/support/every-kind.ts';
import { arriving } from '../../test/support/one-identity.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import type { Processor, Settlement } from '../component/define.ts';
import { attributeOf, withResourceAttributes } from '../otlp/resource-attributes.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRoom } from './room.ts';
import { createConsumer } from './run.ts';
import { type SampleExporter, sampleExporter } from './samples.ts';

const noted = (text: string): Processor => ({
  resourceMetrics: (table) => withResourceAttributes(table, [attributeOf('note', text)]),
});
const ofFlows: Processor = {
  flows: () => {
    throw new Error('no flow comes');
  },
  metrics: () => {
    throw new Error('no point of flows comes');
  },
};
const failing: Processor = {
  resourceMetrics: () => {
    throw new TypeError('no such resource');
  },
};

function open(exporter: SampleExporter, ...pipelines: readonly (readonly Processor[])[]) {
  const host = createRecordingHost('pipelines');
  const consumer = createConsumer({
    pipelines: pipelines.map((processors, at) => ({
      id: `metrics/${at}`,
      processors: processors.map((processor) => ({ id: 'one', processor })),
      exporters: ['out'],
    })),
    exporters: new Map([['out', exporter]]),
    room: createRoom([exporter]),
    logger: createLogger({ write: () => undefined }),
    metrics: host.metrics,
  });
  return { consumer, host };
}

test('metrics that are no flows pass what works on flows, and get what works on them, in every pipeline', (t) => {
  const exporter = sampleExporter();
  const { consumer } = open(exporter, [ofFlows, noted('a')], [ofFlows]);
  const table = arriving({});
  const settled: Settlement[] = [];
  consumer.passOn([table], (settlement) => settled.push(settlement));
  t.is(exporter.calls.length, 1, 'one call takes one room');
  t.deepEqual(
    exporter.passed.map(({ attributes }) => attributes.get('note')),
    ['a', undefined],
  );
  t.is(exporter.passed[1], table);
});

test('what fails in one pipeline is counted there, what fails in all is the receiver’s to say', (t) => {
  const exporter = sampleExporter();
  const { consumer, host } = open(exporter, [failing], []);
  consumer.passOn([arriving({})]);
  t.is(exporter.passed.length, 1);
  t.is(host.metric('otelcol_pipeline_lost_metric_points_total', 'pipeline="metrics/0"'), EVERY_KIND_POINTS);
  const error = t.throws(() => open(exporter, [failing]).consumer.passOn([arriving({})]));
  t.regex(error.message, /processor "one" failed: no such resource/);
});
