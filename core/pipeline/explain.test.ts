import test from 'ava';
import type { Consumer, Explanation, Processor } from '../component/define.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { withColumns } from '../table/endpoint-columns.ts';
import type { FlowTable } from '../table/flow-table.ts';
import { selectRows } from '../table/select-rows.ts';
import { createTestFlows } from '../table/testing.ts';
import { ValueList } from '../table/value-list.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { buildGraph } from './build.ts';
import { followFlows } from './explain.ts';
import type { FlowReport, Selector } from './flow-reports.ts';
import {
  exporterInstance,
  sampleConfig,
  sampleExporter,
  samplePipeline,
  sampleProcessor,
  sampleReceiver,
} from './samples.ts';

/** Every flow gets this value, with where it comes from. */
function naming(
  attribute: string,
  value: string,
  explain: Explanation = { source: () => `source of ${value}` },
): Processor {
  const dictionary = new ValueList();
  return {
    explain,
    flows: (table) => [
      withColumns(table, [{ attribute, dictionary, rows: new Uint32Array(table.rows).fill(dictionary.code(value)) }]),
    ],
  };
}

/** The first row goes, for a reason. */
const dropFirst: Processor = {
  explain: { reason: (table, row) => (table.kind === 'flows' ? `${table.measures.bytes[row]} B` : 'a point') },
  flows: (table) => [
    selectRows(
      table,
      Uint32Array.from({ length: table.rows - 1 }, (_, row) => row + 1),
    ),
    { kind: 'filtered', reason: 'rule', places: Uint32Array.of(table.places?.[0] ?? 0) },
  ],
};

/** Every table waits for the next one. */
function holding(): Processor {
  let held: FlowTable | undefined;
  return {
    flows(table) {
      const last = held;
      held = table;
      return last === undefined ? [] : [last];
    },
  };
}

const is = (attribute: string, wanted: unknown): Selector => ({ attribute, matches: (value) => value === wanted });

function follow(
  processors: Readonly<Record<string, Processor>>,
  selectors: readonly Selector[],
  more?: Partial<ResolvedConfig>,
) {
  let consumer: Consumer | undefined;
  const sent = sampleExporter();
  const config = sampleConfig({
    receivers: [
      sampleReceiver('in', (given) => {
        consumer = given;
        return {};
      }),
    ],
    processors: Object.entries(processors).map(([id, processor]) => sampleProcessor(id, {}, () => processor)),
    exporters: [exporterInstance('out', sent)],
    pipelines: [samplePipeline(Object.keys(processors))],
    ...more,
  });
  const following = followFlows(config, selectors);
  const logger = createLogger({ write: () => undefined });
  buildGraph(following.config, {
    build: { command: 'weir', version: '0' },
    clock: systemClock,
    logger,
    metrics: createRegistry(),
  });
  return { following, consumer: consumer!, sent };
}

const flowsTo = (...ends: readonly string[]) =>
  createTestFlows()(ends.map((dst, row) => ({ src: '10.0.0.1', dst, bytes: row + 1 })));

const fates = (reports: readonly FlowReport[]) =>
  reports.map(({ given, fate }) => [given.get('dst.address'), fate.kind]);

test('says who gave each value and from where, and the series that the flow is in', (t) => {
  const { following, consumer, sent } = follow(
    { first: naming('src.zone', 'a'), second: naming('src.zone', 'b', {}) },
    [is('dst.address', '10.0.0.3')],
  );
  consumer.consume(flowsTo('10.0.0.2', '10.0.0.3'));
  consumer.consume(flowsTo('10.0.0.2', '10.0.0.3'));
  const [report, ...others] = following.reports();
  t.deepEqual(others, []);
  t.like(report, { receiver: 'in', pipeline: 'metrics', windows: 2, bytes: 4, packets: 2 });
  t.deepEqual(report?.steps, [
    { processor: 'first', values: [{ attribute: 'src.zone', value: 'a', source: 'source of a' }], reason: undefined },
    { processor: 'second', values: [{ attribute: 'src.zone', value: 'b', source: undefined }], reason: undefined },
  ]);
  t.is(report?.fate.kind, 'kept');
  if (report?.fate.kind !== 'kept') return;
  t.is(report.fate.series.length, 2);
  t.regex(
    report.fate.series[0]!.series,
    /^beyla\.network\.flow\.bytes\{src\.address=10\.0\.0\.1,dst\.address=10\.0\.0\.3,.*src\.zone=b/,
  );
  t.deepEqual(sent.calls, [], 'no exporter is called');
  t.is(following.rowsSeen(), 4);
});

test('finds the series under presets that write values in another way', (t) => {
  const { following, consumer } = follow({}, []);
  consumer.consume({ ...flowsTo('10.0.0.2'), metricNames: ['otel'] });
  const [report] = following.reports();
  t.is(report?.fate.kind, 'kept');
  if (report?.fate.kind === 'kept')
    t.regex(report.fate.series[0]?.series ?? '', /^network\.flow\.io\{.*network\.transport=tcp/);
});

test('says which processor dropped a flow and why, of the rows that are left too', (t) => {
  const { following, consumer } = follow({ first: dropFirst, second: dropFirst }, []);
  consumer.consume(flowsTo('10.0.0.2', '10.0.0.3', '10.0.0.4'));
  t.deepEqual(
    following.reports().map(({ fate }) => fate.kind === 'dropped' && [fate.processor, fate.reason]),
    [['first', '1 B'], ['second', '2 B'], false],
  );
});

test('a flow that is held back is followed when it is let go, and said to be held back when it is not', (t) => {
  const { following, consumer } = follow({ wait: holding(), name: naming('src.zone', 'a') }, []);
  consumer.consume(flowsTo('10.0.0.2'));
  consumer.consume(flowsTo('10.0.0.3'));
  const reports = following.reports();
  t.deepEqual(fates(reports), [
    ['10.0.0.2', 'kept'],
    ['10.0.0.3', 'held'],
  ]);
  t.deepEqual(
    reports[0]?.steps.map(({ processor }) => processor),
    ['wait', 'name'],
  );
});

test('a selector may ask for what is known only later', (t) => {
  const { following, consumer } = follow({ name: naming('src.zone', 'a') }, [
    is('src.zone', 'a'),
    is('dst.address', '10.0.0.3'),
  ]);
  consumer.consume(flowsTo('10.0.0.2', '10.0.0.3'));
  t.deepEqual(fates(following.reports()), [['10.0.0.3', 'kept']]);
  const none = follow({ name: naming('src.zone', 'a') }, [is('src.zone', 'b')]);
  none.consumer.consume(flowsTo('10.0.0.2'));
  t.deepEqual(none.following.reports(), []);
});

test('points that a processor of metrics takes out are told from those that leave', (t) => {
  const processor: Processor = {
    explain: { reason: (table, row) => `${table.kind} ${row}` },
    metrics: (tables) => tables.filter(({ metric }) => metric.unit === 'By'),
  };
  const definition = sampleProcessor('points', { consumes: 'metrics' }, () => processor);
  const { following, consumer } = follow({ points: processor }, [], { processors: [definition] });
  consumer.consume(flowsTo('10.0.0.2'));
  const [report] = following.reports();
  t.deepEqual(report?.fate.kind === 'kept' && report.fate.series.map(({ taken }) => taken), [
    undefined,
    { processor: 'points', reason: 'metric 0' },
  ]);
});

test('each pipeline has its own word, and one that fails costs the other nothing', (t) => {
  const failing: Processor = {
    flows: () => {
      throw new Error('no such row');
    },
  };
  const { following, consumer } = follow({ bad: failing, drop: dropFirst }, [], {
    pipelines: [samplePipeline(['bad']), samplePipeline(['drop'], { id: 'metrics/two' })],
  });
  consumer.consume(flowsTo('10.0.0.2'));
  t.deepEqual(
    following.reports().map(({ pipeline, fate }) => [pipeline, fate.kind === 'kept' ? fate.series.length : fate.kind]),
    [
      ['metrics', 0],
      ['metrics/two', 'dropped'],
    ],
  );
});

test('more flows than can be read are counted', (t) => {
  const { following, consumer } = follow({}, []);
  consumer.consume(flowsTo(...Array.from({ length: 30 }, (_, i) => `10.0.1.${i}`)));
  t.is(following.reports().length, 20);
  t.is(following.more(), 10);
  t.is(following.notFollowed(), 0);
});

test('rows that are too many to follow are counted, not passed over', (t) => {
  const { following, consumer } = follow({ name: naming('src.zone', 'a') }, [is('src.zone', 'b')]);
  consumer.consume(flowsTo(...Array.from({ length: 10_003 }, (_, i) => `10.1.${i >> 8}.${i & 255}`)));
  t.is(following.notFollowed(), 3);
  t.deepEqual(following.reports(), []);
});

test('a receiver is given what leaves nothing behind', (t) => {
  const given: unknown[] = [];
  const receiver = sampleReceiver('in');
  const definition = {
    ...receiver.definition,
    aside: () => ({ pinned: false }),
    create: (config: unknown) => {
      given.push(config);
      return {};
    },
  };
  follow({}, [], { receivers: [{ ...receiver, definition, config: { pinned: true } }] });
  t.deepEqual(given, [{ pinned: false }]);
});
