/**
 * The shape of a parsed OTTL condition (OpenTelemetry Transformation Language, pkg/ottl/LANGUAGE.md of
 * opentelemetry-collector-contrib), and the error that says where in its text something is wrong.
 */

export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type MathOperator = '+' | '-' | '*' | '/';

/** Go's types: int64 is a bigint, float64 a number, nil null. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | ReadonlyMap<string, Value>;

export interface Path {
  readonly kind: 'path';
  /** `resource.attributes["k"]`: [{name: resource, keys: []}, {name: attributes, keys: ["k"]}]. */
  readonly segments: readonly { readonly name: string; readonly keys: readonly Expression[] }[];
  readonly at: number;
}

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly arguments: readonly { readonly name?: string; readonly value: Expression }[];
  readonly keys: readonly Expression[];
  readonly at: number;
}

/** `at` is the place of its first character in the text, from 0. */
export type Expression =
  | Path
  | Call
  | { readonly kind: 'literal'; readonly value: Value; readonly at: number }
  | { readonly kind: 'enum'; readonly name: string; readonly at: number }
  | { readonly kind: 'list'; readonly items: readonly Expression[]; readonly at: number }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, Expression])[]; readonly at: number }
  | {
      readonly kind: 'math';
      readonly operator: MathOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: number;
    };

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly operand: Condition }
  | {
      readonly kind: 'comparison';
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** `true`, or a converter that gives a boolean. */
  | { readonly kind: 'test'; readonly value: Expression };

/** What is wrong with the text of a condition, and at which line and column of it (both from 1). */
export class OttlError extends Error {
  override readonly name = 'OttlError';
  readonly fix: string | undefined;

  constructor(text: string, at: number, message: string, fix?: string, prefix = '') {
    const before = text.slice(0, at).split('\n');
    super(`${prefix}${before.length}:${before.at(-1)!.length + 1}: ${message}`);
    this.fix = fix;
  }
}

/** Of the grammar, in upstream's words. */
export const syntaxError = (text: string, at: number, message: string, fix?: string) =>
  new OttlError(text, at, message, fix, 'condition has invalid syntax: ');

/** What goes wrong with the data of one row. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}
