import test from 'ava';
import { createManualClock } from '../../test/support/manual-clock.ts';
import type { Exporter, Processor, Settlement } from '../component/define.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { createAllAttributes } from './all-attributes.ts';
import { createReleaser, LAST_ROOM_PATIENCE_MS } from './release.ts';
import { createRoom } from './room.ts';
import { createConsumer } from './run.ts';
import { sampleExporter, sampleFlows } from './samples.ts';

/** Keeps every metric table for this long. */
function holding(holdMs: number, now: () => number, onRelease = () => {}): Processor {
  let kept: { readonly table: MetricTable; readonly dueMs: number }[] = [];
  return {
    metrics(tables) {
      kept.push(...tables.map((table) => ({ table, dueMs: now() + holdMs })));
      return [];
    },
    held: {
      dueMs: () => kept[0]?.dueMs,
      release(nowMs) {
        onRelease();
        const due = kept.filter(({ dueMs }) => dueMs <= nowMs);
        kept = kept.filter(({ dueMs }) => dueMs > nowMs);
        return due.map(({ table }) => table);
      },
    },
  };
}

interface Options {
  readonly exporter?: Exporter;
  readonly behind?: Processor;
  /** Before each release; what it throws is the processor's failure. */
  readonly onRelease?: () => void;
}

/** `all attributes -> held for 10 s -> behind -> out`. */
function setUp({ exporter = sampleExporter(), behind = {}, onRelease }: Options = {}) {
  const clock = createManualClock();
  const log: string[] = [];
  const registry = createRegistry();
  const room = createRoom([exporter]);
  const exporters = new Map([['out', exporter]]);
  const processors = [
    { id: 'all attributes', processor: createAllAttributes() },
    { id: 'holding', processor: holding(10_000, clock.monotonicMs, onRelease) },
    { id: 'behind', processor: behind },
  ];
  const common = { exporters, room, logger: createLogger({ write: (line) => log.push(line) }), metrics: registry };
  const releaser = createReleaser({ pipeline: 'metrics', processors, clock, ...common })!;
  const pipeline = { id: 'metrics', processors, exporters: ['out'], releaser };
  const consumer = createConsumer({ pipelines: [pipeline], ...common });
  const settled: Settlement[] = [];
  return {
    clock,
    log,
    registry,
    releaser,
    settled,
    consume: (bytes: number) => consumer.consume(sampleFlows(bytes, 1), (how) => settled.push(how)),
  };
}

/** Bytes of each call to an exporter. */
const bytesOf = (calls: readonly (readonly MetricTable[])[]) =>
  calls.map((tables) => tables.filter(({ metric }) => metric.unit === 'By').flatMap(({ values }) => [...values]));

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a pipeline in which nothing is held back needs nobody who lets it go', (t) => {
  const { clock, log: _, ...rest } = setUp();
  t.truthy(rest.releaser);
  const none = createReleaser({
    pipeline: 'metrics',
    processors: [{ id: 'plain', processor: {} }],
    exporters: new Map(),
    room: createRoom([]),
    clock,
    logger: createLogger({ write: () => undefined }),
    metrics: createRegistry(),
  });
  t.is(none, undefined);
});

test('what is held goes when it is due, without a table that comes, and through the processors behind', async (t) => {
  const exporter = sampleExporter();
  const seen: number[] = [];
  const behind: Processor = {
    metrics(tables) {
      seen.push(tables.length);
      return tables;
    },
  };
  const { clock, releaser, consume, settled } = setUp({ exporter, behind });
  releaser.start();
  consume(7);
  t.deepEqual(exporter.calls, []);
  await clock.untilSleeping(10_000);
  clock.advance(4000);
  consume(9);
  clock.advance(6000);
  await turn();
  t.deepEqual(bytesOf(exporter.calls), [[7]]);
  await clock.untilSleeping(4000);
  clock.advance(4000);
  await turn();
  t.deepEqual(bytesOf(exporter.calls), [[7], [9]]);
  t.deepEqual(seen, [2, 2]);
  t.deepEqual(settled, [], 'this exporter never says');
  await releaser.stop();
});

test('what is due waits until an exporter has room', async (t) => {
  const exporter = sampleExporter();
  const { clock, releaser, consume } = setUp({ exporter });
  releaser.start();
  consume(7);
  await clock.untilSleeping(10_000);
  exporter.setRoom(false);
  clock.advance(60_000);
  await turn();
  t.deepEqual(exporter.calls, []);
  exporter.setRoom(true);
  await turn();
  t.deepEqual(bytesOf(exporter.calls), [[7]]);
  t.is(exporter.refused, 0);
  await releaser.stop();
});

test('at the end all of it goes, once, due or not', async (t) => {
  const exporter = sampleExporter();
  const { clock, releaser, consume } = setUp({ exporter });
  releaser.start();
  consume(7);
  await clock.untilSleeping(10_000);
  await Promise.all([releaser.stop(), releaser.stop()]);
  t.deepEqual(bytesOf(exporter.calls), [[7]]);
});

test('at the end a full exporter is waited for, though not for ever', async (t) => {
  const exporter = sampleExporter();
  const { clock, releaser, consume } = setUp({ exporter });
  consume(7);
  exporter.setRoom(false);
  const stopped = releaser.stop();
  await clock.untilSleeping(LAST_ROOM_PATIENCE_MS);
  t.is(exporter.refused, 0);
  clock.advance(LAST_ROOM_PATIENCE_MS);
  await stopped;
  t.is(exporter.refused, 1, 'it counts what it refuses');
});

test('a table is settled when all of it was let go and has arrived', async (t) => {
  const told: ((settlement: Settlement) => void)[] = [];
  const exporter: Exporter = {
    ...sampleExporter(),
    export: (_tables, onSettled = () => undefined) => void told.push(onSettled),
  };
  const { clock, releaser, consume, settled } = setUp({ exporter });
  releaser.start();
  consume(7);
  await clock.untilSleeping(10_000);
  t.deepEqual(settled, []);
  clock.advance(10_000);
  await turn();
  t.is(told.length, 1);
  t.deepEqual(settled, []);
  told[0]?.('delivered');
  t.deepEqual(settled, ['delivered']);
  await releaser.stop();
});

test('what a processor behind loses is said and counted, and settles the table as given up', async (t) => {
  const behind: Processor = {
    metrics() {
      throw new TypeError('no such point');
    },
  };
  const { clock, releaser, consume, settled, registry, log } = setUp({ behind });
  consume(7);
  t.deepEqual(settled, []);
  releaser.start();
  await clock.untilSleeping(10_000);
  clock.advance(10_000);
  await turn();
  t.deepEqual(settled, ['given_up']);
  t.regex(registry.text(), /^otelcol_pipeline_lost_metric_points_total\{pipeline="metrics"\} 2$/m);
  t.true(log.some((line) => line.includes('processor \\"behind\\" failed: no such point')));
  await releaser.stop();
});

test('a processor that fails to let go is asked again, later each time, and loses nothing', async (t) => {
  const exporter = sampleExporter();
  let asked = 0;
  let failing = true;
  const onRelease = () => {
    asked++;
    if (failing) throw new TypeError('no such series');
  };
  const { clock, releaser, consume, settled, registry, log } = setUp({ exporter, onRelease });
  releaser.start();
  consume(7);
  for (const waitMs of [10_000, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]) {
    await clock.untilSleeping(waitMs);
    clock.advance(waitMs);
    await turn();
  }
  t.is(asked, 12);
  t.deepEqual(exporter.calls, []);
  t.deepEqual(settled, []);
  t.is(log.filter((line) => line.includes('no such series')).length, 1, 'it is said once');
  t.false(registry.text().includes('otelcol_pipeline_lost'));

  failing = false;
  await clock.untilSleeping(30_000);
  clock.advance(30_000);
  await turn();
  t.deepEqual(bytesOf(exporter.calls), [[7]]);
  t.true(log.at(-1)?.includes('Processor lets go of what it holds again.'));

  failing = true;
  consume(9);
  await clock.untilSleeping(10_000);
  clock.advance(10_000);
  await turn();
  t.is(log.filter((line) => line.includes('no such series')).length, 2, 'and once when it fails anew');
  await clock.untilSleeping(100);
  await releaser.stop();
});

test('what a processor does not let go of at the end is given up, and said', async (t) => {
  const onRelease = () => {
    throw new TypeError('no such series');
  };
  const { releaser, consume, settled, log } = setUp({ onRelease });
  consume(7);
  await releaser.stop();
  t.deepEqual(settled, ['given_up']);
  t.true(log.at(-1)?.includes('Pipeline ended with points that a processor did not let go of.'));
});
