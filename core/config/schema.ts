/**
 * How a component describes its configuration: a tree of properties, each with a format, a default and a sentence for
 * the docs. convict reads this tree as its schema; the types here only make it stricter.
 */

import type { ConfigNode } from './tree.ts';

/**
 * Turns what the file says into what the component gets, or throws a FormatError. Formats stand in a schema as
 * `format: duration`; they never guess (`7x` is not 7, `yes` is not true).
 */
export interface Format<Value> {
  /** `node` is where the value stands, for formats that look inside; a default has none. */
  (value: unknown, node?: ConfigNode): Value;
  /** How `print-config` shows a delivered value: durations as `5s`, secrets as `[REDACTED]`. Absent: as it is. */
  print?(value: Value): unknown;
  /** The value is text, or holds text: scalars that came whole out of `${env:X}` are given as their text, `0123`. */
  readonly text?: true;
  /** A key without a value is not the same as no key: `rotation:` alone switches it on. */
  readonly takesNull?: true;
}

export interface Property<Value> {
  readonly doc: string;
  readonly format: Format<Value>;
  /** Written as a user would write it (`'5s'`, `[]`) and read by the same format; null: the key is required. */
  readonly default: unknown;
}

/** One entry per key of the configuration that the component gets. */
export type ConfigSchema<Config> = {
  readonly [Key in keyof Config]: Property<Config[Key]> | ConfigSchema<Config[Key]>;
};

/** A schema whose configuration type does not matter to the reader. */
export type AnySchema = { readonly [key: string]: Property<unknown> | AnySchema };

export function isProperty(node: Property<unknown> | AnySchema): node is Property<unknown> {
  return typeof node.format === 'function';
}

/** One thing wrong with a value. */
export interface FormatProblem {
  /** Upstream's words where it has words; the key's path is put before it. */
  readonly message: string;
  readonly fix?: string;
  /** Keys and list positions below the value, when the mistake is deeper inside. */
  readonly path?: readonly string[];
  readonly code?: 'config/value' | 'config/unknown-key' | 'config/missing';
}

/** What a format throws: everything that is wrong with one value. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly problems: readonly FormatProblem[];

  constructor(...problems: FormatProblem[]) {
    super(problems.map((problem) => problem.message).join('; '));
    this.problems = problems;
  }
}
