import test from 'ava';
import type { AttributeColumn } from './dictionary.ts';
import { createDropper } from './drop-rows.ts';
import {
  createJudge,
  FAILED,
  FALSE,
  type Question,
  type Questions,
  type Row,
  type Rows,
  TRUE,
} from './row-verdicts.ts';
import { ValueList } from './value-list.ts';

const noFacts = {};

/** Rows of one text an attribute; an empty text is absence. */
function rowsOf(dictionaries: Map<string, ValueList>, texts: Readonly<Record<string, readonly string[]>>): Rows {
  const columns = new Map<string, AttributeColumn>();
  for (const [attribute, values] of Object.entries(texts)) {
    const dictionary = dictionaries.get(attribute) ?? new ValueList();
    dictionaries.set(attribute, dictionary);
    const rows = Uint32Array.from(values, (value) => dictionary.code(value === '' ? undefined : value));
    columns.set(attribute, { attribute, rows, dictionary });
  }
  return { count: Object.values(texts)[0]!.length, column: (attribute) => columns.get(attribute) };
}

/** Whether the values of the attributes are equal; counts how often it was asked. An `x` cannot be answered. */
function sameValues(...attributes: readonly string[]) {
  const asked: string[] = [];
  const ask = ({ value }: Row<object>) => {
    const values = attributes.map((name) => value(name));
    asked.push(values.join());
    if (values.includes('x')) return FAILED;
    return values.every((one) => one === values[0]) && values[0] !== undefined ? TRUE : FALSE;
  };
  const question: Question<object> = { attributes, scope: 'values', ask };
  return { asked, questions: { kind: 'question', question } satisfies Questions<object> };
}

const isText = (attribute: string, text: string): Questions<object> => ({
  kind: 'question',
  question: {
    attributes: [attribute],
    scope: 'values',
    ask: ({ value }) => (value(attribute) === text ? TRUE : value(attribute) === 'x' ? FAILED : FALSE),
  },
});

test('a question about one attribute is asked once for each value, over all tables of a dictionary', (t) => {
  const dictionaries = new Map<string, ValueList>();
  const { asked, questions } = sameValues('a');
  const judge = createJudge(questions);
  const many = Array.from({ length: 5000 }, (_, row) => `v${row % 1000}`);
  t.deepEqual(
    [...judge(rowsOf(dictionaries, { a: many }), noFacts)],
    many.map(() => TRUE),
  );
  t.is(asked.length, 1001);
  t.deepEqual([...judge(rowsOf(dictionaries, { a: ['', 'v3', 'new', 'x'] }), noFacts)], [FALSE, TRUE, TRUE, FAILED]);
  t.deepEqual(asked.slice(1001), ['', 'new', 'x']);
});

test('a question about two attributes is asked once for each pair', (t) => {
  const dictionaries = new Map<string, ValueList>();
  const { asked, questions } = sameValues('a', 'b');
  const judge = createJudge(questions);
  const a = Array.from({ length: 6000 }, (_, row) => `${row % 3}`);
  const b = Array.from({ length: 6000 }, (_, row) => `${row % 2}`);
  t.deepEqual(
    [...judge(rowsOf(dictionaries, { a, b }), noFacts)],
    a.map((value, row) => (value === b[row] ? TRUE : FALSE)),
  );
  t.deepEqual([...judge(rowsOf(dictionaries, { a: ['9', ''], b: ['9', ''] }), noFacts)], [TRUE, FALSE]);
  t.is(asked.length, 6 + 2);
});

test('other dictionaries, and tables that lack an attribute, get answers of their own', (t) => {
  const { questions } = sameValues('a', 'b');
  const judge = createJudge(questions);
  t.deepEqual([...judge(rowsOf(new Map(), { a: ['1', '2'], b: ['1', '1'] }), noFacts)], [TRUE, FALSE]);
  t.deepEqual([...judge(rowsOf(new Map(), { a: ['7', '8'], b: ['1', '8'] }), noFacts)], [FALSE, TRUE]);
  t.deepEqual([...judge(rowsOf(new Map(), { a: ['7'] }), noFacts)], [FALSE]);
});

test('and, or and not go from left to right, and what cannot be answered matters only where it is reached', (t) => {
  const rows = rowsOf(new Map(), {
    a: ['1', '1', '1', '0', '0', '0', 'x', 'x', 'x'],
    b: ['1', '0', 'x', '1', '0', 'x', '1', '0', 'x'],
  });
  const [left, right] = [isText('a', '1'), isText('b', '1')];
  const verdicts = (questions: Questions<object>) => [...createJudge(questions)(rows, noFacts)];
  t.deepEqual(verdicts({ kind: 'and', left, right }), [
    TRUE,
    FALSE,
    FAILED,
    FALSE,
    FALSE,
    FALSE,
    FAILED,
    FAILED,
    FAILED,
  ]);
  t.deepEqual(verdicts({ kind: 'or', left, right }), [TRUE, TRUE, TRUE, TRUE, FALSE, FAILED, FAILED, FAILED, FAILED]);
  t.deepEqual(verdicts({ kind: 'not', operand: left }), [
    FALSE,
    FALSE,
    FALSE,
    TRUE,
    TRUE,
    TRUE,
    FAILED,
    FAILED,
    FAILED,
  ]);
});

test('a row that several rules would drop counts for the first, and all rows are kept or dropped', (t) => {
  const drop = createDropper([isText('a', '1'), isText('b', '1')]);
  const rows = rowsOf(new Map(), { a: ['1', '1', '0', '0', 'x'], b: ['1', '0', '1', '0', '0'] });
  t.deepEqual(drop(rows, noFacts, [Float64Array.of(1, 10, 100, 1000, 10_000)]), {
    kept: Uint32Array.of(3, 4),
    dropped: Uint32Array.of(0, 1, 2),
    byRule: [
      { rows: 2, sums: [11], failed: 1 },
      { rows: 1, sums: [100], failed: 0 },
    ],
  });
});
