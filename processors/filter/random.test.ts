import test from 'ava';
import { type CompiledCondition, compileCondition } from '../../core/ottl/compile.ts';
import { type PointSource, pointContext } from '../../core/ottl/points.ts';
import { EvaluationError } from '../../core/ottl/syntax.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { attributesOfFlows } from '../../core/table/table-rows.ts';
import { createTestTables, type TestRow, testResource, testScope, valuesOf } from '../../core/table/testing.ts';
import { configOf } from '../../test/support/component-config.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import filter from './index.ts';

test('whatever the flows and the conditions, remembered answers are those of asking every row', (t) => {
  let state = 7;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const texts = [
    'attributes["src.zone"] == attributes["dst.zone"]',
    'attributes["transport"] == "UDP"',
    'attributes["dst.port"] > 3',
    'HasPrefix(attributes["src.zone"], "z1")',
    'attributes["dst.zone"] == nil',
    'attributes["dst.port"] + 1 == 4',
    'Len(attributes) > 3',
    'resource.attributes["service.name"] == "weir"',
  ];
  const someText = (depth: number): string => {
    const kind = depth === 0 ? 0 : random(4);
    if (kind === 1) return `(${someText(depth - 1)} and ${someText(depth - 1)})`;
    if (kind === 2) return `(${someText(depth - 1)} or ${someText(depth - 1)})`;
    return kind === 3 ? `not ${someText(depth - 1)}` : texts[random(texts.length)]!;
  };
  const maybe = <Value>(value: Value) => (random(4) === 0 ? undefined : value);
  for (let round = 0; round < 30; round++) {
    const text = someText(3);
    const condition = compileCondition(
      text,
      pointContext('datapoint', () => undefined),
    );
    const config = configOf(filter, { metric_conditions: [text], error_mode: 'silent' });
    const { flows } = filter.create(config, createRecordingHost('filter'));
    const tables = createTestTables();
    for (let window = 0; window < 2; window++) {
      const many = Array.from({ length: 1 + random(3000) }, (_, row): TestRow => {
        const named = { 'src.zone': maybe(`z${random(20)}`), 'dst.zone': maybe(`z${random(20)}`) };
        return {
          name: `${row}`,
          ...named,
          transport: maybe('UDP'),
          'dst.port': maybe(random(6)),
          bytes: row,
          packets: 1,
        };
      });
      const table = tables(many);
      const expected = many.filter((row) => !isTrue(condition, row, attributesOfFlows(table)));
      t.deepEqual(
        valuesOf(flows!(table)[0] as FlowTable, 'name'),
        expected.map(({ name }) => name),
        text,
      );
    }
  }
});

/** By asking; what cannot be answered is not true. */
function isTrue(condition: CompiledCondition<PointSource>, row: TestRow, attributeNames: readonly string[]): boolean {
  const source = {
    resource: testResource,
    scope: testScope,
    place: 0,
    attributeNames,
    value: (name: string) => row[name],
  };
  const answer = (one: CompiledCondition<PointSource>): boolean => {
    if (one.kind === 'test') return one.test(source);
    if (one.kind === 'not') return !answer(one.operand);
    return one.kind === 'and' ? answer(one.left) && answer(one.right) : answer(one.left) || answer(one.right);
  };
  try {
    return answer(condition);
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}
