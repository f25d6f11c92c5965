import test from 'ava';
import type { Exporter, Processor, Settlement } from '../component/define.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { createAllAttributes } from './all-attributes.ts';
import { createRoom } from './room.ts';
import { createConsumer } from './run.ts';
import { sampleExporter, sampleFlows } from './samples.ts';

/** One pipeline to these exporters; what became of its tables is in `settled`. */
function setUp(exporters: readonly Exporter[], processor: Processor = {}) {
  const byId = new Map(exporters.map((exporter, at) => [`out/${at}`, exporter]));
  const processors = [
    { id: 'first', processor },
    { id: 'all attributes', processor: createAllAttributes() },
  ];
  const consumer = createConsumer({
    pipelines: [{ id: 'metrics', processors, exporters: [...byId.keys()] }],
    exporters: byId,
    room: createRoom(exporters),
    logger: createLogger({ write: () => undefined }),
    metrics: createRegistry(),
  });
  const settled: Settlement[] = [];
  return { settled, consume: () => consumer.consume(sampleFlows(10, 1), (how) => settled.push(how)) };
}

test('a table is settled once, when every exporter that took it knows, with the worst that became of it', (t) => {
  const told: ((settlement: Settlement) => void)[] = [];
  const asking = (): Exporter => ({
    ...sampleExporter(),
    export: (_tables, onSettled = () => undefined) => void told.push(onSettled),
  });
  const { settled, consume } = setUp([asking(), asking(), asking()]);
  consume();
  told[1]?.('interrupted');
  told[1]?.('delivered');
  told[0]?.('delivered');
  t.deepEqual(settled, []);
  told[2]?.('given_up');
  t.deepEqual(settled, ['interrupted']);
});

test('an exporter that answers at once does not speak for the others', (t) => {
  let tell: (settlement: Settlement) => void = () => undefined;
  const prompt: Exporter = { ...sampleExporter(), export: (_tables, onSettled) => onSettled?.('delivered') };
  const slow: Exporter = {
    ...sampleExporter(),
    export: (_tables, onSettled = () => undefined) => {
      tell = onSettled;
    },
  };
  const { settled, consume } = setUp([prompt, slow]);
  consume();
  t.deepEqual(settled, []);
  tell('delivered');
  t.deepEqual(settled, ['delivered']);
});

test('a table of which nothing reaches an exporter is settled at once', (t) => {
  const { settled, consume } = setUp([sampleExporter()], { flows: () => [] });
  consume();
  t.deepEqual(settled, ['delivered']);
});

test('an exporter that fails has given the table up', (t) => {
  const failing: Exporter = {
    ...sampleExporter(),
    export() {
      throw new TypeError('no such point');
    },
  };
  const { settled, consume } = setUp([failing]);
  consume();
  t.deepEqual(settled, ['given_up']);
});
