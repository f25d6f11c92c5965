import test from 'ava';
import type { Processor } from '../component/define.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { createRoom } from './room.ts';
import { createConsumer } from './run.ts';
import { sampleExporter, sampleFlows } from './samples.ts';

const failing: Processor = {
  flows() {
    throw new TypeError('no such row');
  },
};

/** Filters these rows of every table. */
const filtering = (...places: readonly number[]): Processor => ({
  flows: (table) => [table, { kind: 'filtered', reason: 'rule', places: Uint32Array.from(places) }],
});

/** What the receiver is told of a table of one row, by pipelines of these processors. */
function filteredBy(...pipelines: readonly (readonly Processor[])[]): number[] {
  const exporter = sampleExporter();
  const consumer = createConsumer({
    pipelines: pipelines.map((processors, at) => ({
      id: `metrics/${at}`,
      processors: processors.map((processor) => ({ id: 'one', processor })),
      exporters: ['out'],
    })),
    exporters: new Map([['out', exporter]]),
    room: createRoom([exporter]),
    logger: createLogger({ write: () => undefined }),
    metrics: createRegistry(),
  });
  return (consumer.consume(sampleFlows(1, 1))?.filtered ?? []).flatMap(({ places }) => [...places]);
}

test('the receiver is told of the rows that every pipeline filtered, and of no others', (t) => {
  t.deepEqual(filteredBy([filtering(0)]), [0]);
  t.deepEqual(filteredBy([]), []);
  t.deepEqual(filteredBy([filtering(0)], [filtering()]), []);
  t.deepEqual(filteredBy([filtering(0)], []), []);
  t.deepEqual(filteredBy([filtering(0)], [filtering(), filtering(0)]), [0]);
});

test('a pipeline that failed has no say in what was filtered', (t) => {
  t.deepEqual(filteredBy([filtering(0)], [failing]), [0]);
});
