import test from 'ava';
import type { EndOfHeld, FromFlows, Processor, Settlement } from '../component/define.ts';
import type { FlowTable } from '../table/flow-table.ts';
import { keepRows } from '../table/select-rows.ts';
import { createTestFlows } from '../table/testing.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { createAllAttributes } from './all-attributes.ts';
import { createRoom } from './room.ts';
import { createConsumer } from './run.ts';
import { sampleExporter } from './samples.ts';

const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
};

/** Holds these rows of every table back until told; `then` is what it makes of them. */
function holding(places: readonly number[], then: (table: FlowTable) => readonly FromFlows[] = (table) => [table]) {
  let ready = () => {};
  const processor: Processor = {
    flows(table) {
      const { promise, resolve } = Promise.withResolvers<void>();
      ready = resolve;
      const present = places.filter((place) => place < table.rows);
      if (present.length === 0) return [table];
      const held = keepRows(table, Uint32Array.from(present));
      const others = Uint32Array.from({ length: table.rows }, (_, row) => row).filter((row) => !places.includes(row));
      return [keepRows(table, others), { kind: 'held', table: held, ready: promise, release: () => then(held) }];
    },
  };
  return { processor, ready: () => ready() };
}

const filtering = (...places: readonly number[]): Processor => ({
  flows: (table) => [table, { kind: 'filtered', reason: 'rule', places: Uint32Array.from(places) }],
});

/** A table of three rows, 1, 20 and 300 bytes, through pipelines of these processors. */
function setUp(...pipelines: readonly (readonly Processor[])[]) {
  const exporter = sampleExporter();
  const settling: ((settlement: Settlement) => void)[] = [];
  const take = exporter.export.bind(exporter);
  exporter.export = (tables, onSettled = () => undefined) => {
    settling.push(onSettled);
    take(tables);
  };
  const log: string[] = [];
  const consumer = createConsumer({
    pipelines: pipelines.map((processors, at) => ({
      id: `metrics/${at}`,
      processors: [...processors, createAllAttributes()].map((processor) => ({ id: 'one', processor })),
      exporters: ['out'],
    })),
    exporters: new Map([['out', exporter]]),
    room: createRoom([exporter]),
    logger: createLogger({ write: (line) => log.push(line) }),
    metrics: createRegistry(),
  });
  const flows = createTestFlows()([
    { src: '10.0.0.1', dst: '10.0.0.2', bytes: 1 },
    { src: '10.0.0.1', dst: '10.0.0.3', bytes: 20 },
    { src: '10.0.0.1', dst: '10.0.0.4', bytes: 300 },
  ]);
  const settled: Settlement[] = [];
  const ends: EndOfHeld[] = [];
  const notTaken = consumer.consume(flows, (how) => settled.push(how));
  notTaken?.held?.onGone((end) => ends.push(end));
  const arrive = () => {
    for (const tell of settling.splice(0)) tell('delivered');
  };
  /** Bytes of each call, with the end of its window. */
  const exported = () =>
    exporter.calls.map((tables) => {
      const bytes = tables.find(({ metric }) => metric.name.endsWith('bytes'))!;
      return [bytes.values.reduce((sum, value) => sum + value, 0), bytes.endNs];
    });
  return { consumer, exporter, notTaken, ends, settled, arrive, exported, log };
}

const END = 5_000_000_000n;

test('rows that are held back leave when they are ready, with their own window, while nothing else comes', async (t) => {
  const { processor, ready } = holding([1]);
  const { exported, notTaken, ends, settled, arrive } = setUp([processor]);
  t.deepEqual(exported(), [[301, END]]);
  t.deepEqual([...notTaken!.held!.places], [1]);
  arrive();
  t.deepEqual(settled, []);
  ready();
  await turns();
  t.deepEqual(exported(), [
    [301, END],
    [20, END],
  ]);
  t.deepEqual(ends, [{ filtered: [], lost: new Uint32Array(0) }]);
  t.deepEqual(settled, [], 'the window waits for them');
  arrive();
  t.deepEqual(settled, ['delivered']);
});

test('rows that are ready wait for room, and go without it when everything has to', async (t) => {
  const { processor, ready } = holding([1]);
  const { exporter, consumer, exported } = setUp([processor]);
  exporter.setRoom(false);
  ready();
  await turns();
  t.is(exported().length, 1);
  exporter.setRoom(true);
  await turns();
  t.is(exported().length, 2);
  consumer.release();
  t.is(exported().length, 2);
});

test('at the end they go at once, whoever holds them', (t) => {
  const [first, second] = [holding([0, 1, 2]), holding([0])];
  const { consumer, exported, ends } = setUp([first.processor, second.processor]);
  consumer.release();
  t.is(
    exported().reduce((sum, [bytes]) => sum + Number(bytes), 0),
    321,
  );
  t.is(ends.length, 1);
});

test('what is filtered behind the one that held them is filtered, where no pipeline took it', async (t) => {
  const late = holding([0, 1], (table) => [
    keepRows(table, Uint32Array.of(1)),
    { kind: 'filtered', reason: 'counted_elsewhere', places: Uint32Array.of(0) },
  ]);
  const alone = setUp([late.processor]);
  alone.consumer.release();
  t.deepEqual(alone.ends, [
    { filtered: [{ reason: 'counted_elsewhere', places: Uint32Array.of(0) }], lost: new Uint32Array(0) },
  ]);
  const twice = setUp([late.processor], [filtering(0, 1)]);
  t.deepEqual([...twice.notTaken!.held!.places], [0, 1]);
  twice.consumer.release();
  t.deepEqual(twice.ends, [{ filtered: [{ reason: 'rule', places: Uint32Array.of(0) }], lost: new Uint32Array(0) }]);
  const taken = setUp([late.processor], []);
  t.is(taken.notTaken, undefined);
});

test('rows whose processor fails when they go on are lost, and said so', (t) => {
  const failing = holding([2], () => {
    throw new TypeError('no such row');
  });
  const { consumer, ends, log, settled, arrive } = setUp([failing.processor]);
  consumer.release();
  arrive();
  t.deepEqual(ends, [{ filtered: [], lost: Uint32Array.of(2) }]);
  t.deepEqual(settled, ['given_up']);
  t.true(log.some((line) => line.includes('no such row')));
});
