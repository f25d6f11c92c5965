/** One rule: which rows it drops, as questions about them. Made of a glob of Beyla's block or of an OTTL condition. */

import { globExpression } from '../../core/config/glob.ts';
import { type CompiledCondition, compileCondition } from '../../core/ottl/compile.ts';
import { attributesAmong, type ContextName, facts, type PointSource, pointContext } from '../../core/ottl/points.ts';
import { EvaluationError } from '../../core/ottl/syntax.ts';
import { attributeNamed } from '../../core/table/attributes.ts';
import type { AttributeValue } from '../../core/table/dictionary.ts';
import { FAILED, FALSE, type Question, type Questions, type Row, TRUE } from '../../core/table/row-verdicts.ts';

/** What is true of all rows of a table. */
export type TableFacts = Omit<PointSource, 'place' | 'value'>;

export interface Rule {
  readonly questions: Questions<TableFacts>;
  /** Names in the catalogue, or as written where it has none. */
  readonly attributes: readonly string[];
  /** Of them, those that the catalogue does not have. */
  readonly unknownAttributes: readonly string[];
  /** It asks for what only metrics have. */
  readonly needsMetrics: boolean;
  /** Why the last row for which it failed could not be answered. */
  failure(): string;
}

/**
 * `key` is an attribute of the catalogue, `glob` well formed. An absent value is compared as an empty text. Under a
 * name that a convention has of its own, a glob may be of the values as it writes them too: `network.transport` is `tcp`.
 */
export function globRule(key: string, kind: 'match' | 'not_match', glob: string): Rule {
  const known = attributeNamed(key);
  const attribute = known?.name ?? key;
  const isOwnName = key.replaceAll('_', '.') !== attribute;
  const writings = isOwnName ? Object.values(known?.values ?? {}) : [];
  const expression = globExpression(glob) ?? /^$/;
  const matches = (value: AttributeValue) =>
    expression.test(String(value)) || writings.some(({ write }) => expression.test(String(write(value))));
  const ask = ({ value }: Row<TableFacts>) => {
    const found = value(attribute);
    if (kind === 'match') return matches(found ?? '') ? FALSE : TRUE;
    return found !== undefined && matches(found) ? TRUE : FALSE;
  };
  const question: Question<TableFacts> = { attributes: [attribute], scope: 'values', ask };
  return {
    questions: { kind: 'question', question },
    attributes: [attribute],
    unknownAttributes: [],
    needsMetrics: false,
    failure: () => '',
  };
}

/** Throws an OttlError that says where the text is wrong. */
export function conditionRule(text: string, context: ContextName): Rule {
  const unknownAttributes: string[] = [];
  const condition = compileCondition(
    text,
    pointContext(context, (name) => unknownAttributes.push(name)),
  );
  const all = factsOf(condition);
  let failure = '';
  const noteFailure = (message: string) => {
    failure = message;
  };
  return {
    questions: questionsOf(condition, noteFailure),
    attributes: attributesAmong(all),
    unknownAttributes,
    needsMetrics: all.includes(facts.metric),
    failure: () => failure,
  };
}

function factsOf(condition: CompiledCondition<PointSource>): readonly string[] {
  if (condition.kind === 'test') return condition.facts;
  if (condition.kind === 'not') return factsOf(condition.operand);
  return [...factsOf(condition.left), ...factsOf(condition.right)];
}

function questionsOf(
  condition: CompiledCondition<PointSource>,
  noteFailure: (message: string) => void,
): Questions<TableFacts> {
  if (condition.kind === 'not') return { kind: 'not', operand: questionsOf(condition.operand, noteFailure) };
  if (condition.kind !== 'test') {
    const [left, right] = [questionsOf(condition.left, noteFailure), questionsOf(condition.right, noteFailure)];
    return { kind: condition.kind, left, right };
  }
  const { facts: all, test } = condition;
  const attributes = attributesAmong(all);
  const ofTable = all.includes(facts.table) || all.includes(facts.metric);
  const ask = ({ facts, place, value }: Row<TableFacts>) => {
    try {
      return test({ ...facts, place, value }) ? TRUE : FALSE;
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      noteFailure(error.message);
      return FAILED;
    }
  };
  const scope = all.includes(facts.row) ? 'row' : ofTable ? 'table' : 'values';
  return { kind: 'question', question: { attributes, scope, ask } };
}
