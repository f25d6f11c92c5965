/**
 * Asks questions about rows, of flows or of points: once per distinct value and not once per row, since a code keeps its
 * value for as long as its dictionary lives. Answers of several questions are joined by and, or, not, from left to right.
 */

import { ABSENT, type AttributeColumn, type AttributeValue, type Dictionary } from './dictionary.ts';
import { gather } from './group-by.ts';
import { BLOCK_ROWS, SeriesIndex } from './series-index.ts';

/** What a question was answered for a row; FAILED: it could not be answered. 0 stands for not asked yet. */
export const FALSE = 1;
export const TRUE = 2;
export const FAILED = 3;
const NOT_ASKED = 0;
export type Verdict = typeof FALSE | typeof TRUE | typeof FAILED;

/** Rows that have attributes: of a flow table, or the points of a metric table. */
export interface Rows {
  readonly count: number;
  column(attribute: string): AttributeColumn | undefined;
}

/** One row as a question sees it. */
export interface Row<Facts> {
  /** Of an attribute that the question names; in the scope `row` of any. */
  value(attribute: string): AttributeValue | undefined;
  /** What is true of all rows of the table. */
  readonly facts: Facts;
  /** Place of the row; only for questions of the scope `row`. */
  readonly place: number;
}

export interface Question<Facts> {
  /** Attributes whose values it asks for. */
  readonly attributes: readonly string[];
  /** What else the answer depends on: nothing, the facts of the table, or the very row. */
  readonly scope: 'values' | 'table' | 'row';
  ask(row: Row<Facts>): Verdict;
}

export type Questions<Facts> =
  | { readonly kind: 'and' | 'or'; readonly left: Questions<Facts>; readonly right: Questions<Facts> }
  | { readonly kind: 'not'; readonly operand: Questions<Facts> }
  | { readonly kind: 'question'; readonly question: Question<Facts> };

/** Writes one verdict a row. */
type Judge<Facts> = (rows: Rows, facts: Facts, verdicts: Uint8Array) => void;

/** Answers for more codes than this are not kept: they are worked out again for each row. */
const MAX_REMEMBERED = 1 << 20;
const FIRST_CODES = 256;

/** One a processor: it remembers what was answered. The verdicts hold until the next call. */
export function createJudge<Facts>(questions: Questions<Facts>): (rows: Rows, facts: Facts) => Uint8Array {
  const judge = judgeOf(questions);
  let verdicts: Uint8Array = new Uint8Array(0);
  return (rows, facts) => {
    verdicts = atLeast(verdicts, rows.count);
    judge(rows, facts, verdicts);
    return verdicts.subarray(0, rows.count);
  };
}

const atLeast = (array: Uint8Array, size: number) => (array.length >= size ? array : new Uint8Array(size));

function judgeOf<Facts>(questions: Questions<Facts>): Judge<Facts> {
  if (questions.kind === 'question') return judgeOfQuestion(questions.question);
  if (questions.kind === 'not') {
    const judge = judgeOf(questions.operand);
    return (rows, facts, verdicts) => {
      judge(rows, facts, verdicts);
      for (let row = 0; row < rows.count; row++)
        if (verdicts[row] !== FAILED) verdicts[row] = FALSE + TRUE - verdicts[row]!;
    };
  }
  const [left, right] = [judgeOf(questions.left), judgeOf(questions.right)];
  // What the left side says when the right one has no say.
  const decided = questions.kind === 'and' ? FALSE : TRUE;
  let scratch: Uint8Array = new Uint8Array(0);
  return (rows, facts, verdicts) => {
    scratch = atLeast(scratch, rows.count);
    left(rows, facts, verdicts);
    right(rows, facts, scratch);
    for (let row = 0; row < rows.count; row++) {
      if (verdicts[row] !== decided && verdicts[row] !== FAILED) verdicts[row] = scratch[row]!;
    }
  };
}

function judgeOfQuestion<Facts>(question: Question<Facts>): Judge<Facts> {
  if (question.scope === 'row') return (rows, facts, verdicts) => judgeEachRow(question, rows, facts, verdicts);
  if (question.attributes.length === 0) {
    return (rows, facts, verdicts) => void verdicts.fill(question.ask(rowOf(facts, () => undefined)), 0, rows.count);
  }
  const create = question.attributes.length === 1 ? createByCode : createBySeries;
  if (question.scope === 'table') {
    return (rows, facts, verdicts) => create(question)(rows, facts, verdicts);
  }
  return create(question);
}

const rowOf = <Facts>(facts: Facts, value: Row<Facts>['value'], place = -1): Row<Facts> => ({ facts, value, place });

function judgeEachRow<Facts>({ ask }: Question<Facts>, rows: Rows, facts: Facts, verdicts: Uint8Array): void {
  const columns = new Map<string, AttributeColumn | undefined>();
  const columnOf = (name: string) => {
    if (!columns.has(name)) columns.set(name, rows.column(name));
    return columns.get(name);
  };
  for (let place = 0; place < rows.count; place++) {
    verdicts[place] = ask(rowOf(facts, (name) => valueAt(columnOf(name), place), place));
  }
}

/** The value of a column in one row; undefined where it has none. */
export function valueAt(column: AttributeColumn | undefined, row: number): AttributeValue | undefined {
  if (column === undefined) return undefined;
  const { rows, through, dictionary } = column;
  const code = rows[row]!;
  return dictionary.at(through === undefined ? code : (through[code] ?? ABSENT));
}

/** Of one attribute: the verdict of a code is found by the code. */
function createByCode<Facts>({ attributes: [attribute = ''], ask }: Question<Facts>): Judge<Facts> {
  const remembered = new WeakMap<Dictionary, Uint8Array>();
  const block = new Uint32Array(BLOCK_ROWS);
  return (rows, facts, verdicts) => {
    const column = rows.column(attribute);
    const ofAbsent = ask(rowOf(facts, () => undefined));
    if (column === undefined) {
      verdicts.fill(ofAbsent, 0, rows.count);
      return;
    }
    const { dictionary } = column;
    let known = remembered.get(dictionary) ?? new Uint8Array(FIRST_CODES);
    const judgeNew = (code: number): number => {
      if (code === ABSENT) return ofAbsent;
      const answer = known[code] ?? NOT_ASKED;
      if (answer !== NOT_ASKED) return answer;
      const verdict = ask(rowOf(facts, () => dictionary.at(code)));
      if (code >= MAX_REMEMBERED) return verdict;
      known = grown(known, code + 1);
      known[code] = verdict;
      return verdict;
    };
    for (let from = 0; from < rows.count; from += BLOCK_ROWS) {
      const length = Math.min(BLOCK_ROWS, rows.count - from);
      gather(column, from, length, block);
      if (lookUp(block, length, known, verdicts, from)) continue;
      for (let i = 0; i < length; i++) if (verdicts[from + i] === NOT_ASKED) verdicts[from + i] = judgeNew(block[i]!);
    }
    remembered.set(dictionary, known);
  };
}

/** Writes what is known of each code; false when something is not. */
function lookUp(codes: Uint32Array, length: number, known: Uint8Array, verdicts: Uint8Array, from: number): boolean {
  let allKnown = true;
  for (let i = 0; i < length; i++) {
    const code = codes[i]!;
    const verdict = code < known.length ? known[code]! : NOT_ASKED;
    verdicts[from + i] = verdict;
    if (verdict === NOT_ASKED) allKnown = false;
  }
  return allKnown;
}

function grown(known: Uint8Array, size: number): Uint8Array {
  let capacity = known.length;
  while (capacity < size) capacity *= 2;
  if (capacity === known.length) return known;
  const larger = new Uint8Array(capacity);
  larger.set(known);
  return larger;
}

/** Of several attributes: each distinct combination of their codes is asked once. */
function createBySeries<Facts>({ attributes, ask }: Question<Facts>): Judge<Facts> {
  let index: SeriesIndex | undefined;
  let known: Uint8Array = new Uint8Array(FIRST_CODES);
  return (rows, facts, verdicts) => {
    const columns = attributes.flatMap((name) => rows.column(name) ?? []);
    const same = index?.columns.every(({ name, dictionary }, c) => {
      return name === columns[c]?.attribute && dictionary === columns[c]?.dictionary;
    });
    if (index === undefined || !same || index.columns.length !== columns.length || index.size > MAX_REMEMBERED) {
      index = new SeriesIndex(columns.map(({ attribute, dictionary }) => ({ name: attribute, dictionary })));
      known = new Uint8Array(FIRST_CODES);
    }
    const block = columns.map(() => new Uint32Array(BLOCK_ROWS));
    const ids = new Uint32Array(BLOCK_ROWS);
    for (let from = 0; from < rows.count; from += BLOCK_ROWS) {
      const length = Math.min(BLOCK_ROWS, rows.count - from);
      for (let c = 0; c < columns.length; c++) gather(columns[c]!, from, length, block[c]!);
      index.internBlock(block, length, ids, 0);
      known = grown(known, index.size);
      for (let i = 0; i < length; i++) {
        const id = ids[i]!;
        if (known[id] === NOT_ASKED) known[id] = ask(rowOf(facts, valuesOf(index, id)));
        verdicts[from + i] = known[id]!;
      }
    }
  };
}

function valuesOf({ columns }: SeriesIndex, id: number): (attribute: string) => AttributeValue | undefined {
  return (attribute) => {
    const column = columns.find(({ name }) => name === attribute);
    return column?.dictionary.at(column.codes[id]!);
  };
}
