/**
 * Turns a parsed condition into functions: names are looked up, arguments are checked and prepared, and each test knows
 * which facts it reads, so that whoever evaluates it may remember the outcome.
 */

import { suggestionFor } from '../config/suggest.ts';
import { ArgumentError, type Converter, converters } from './functions.ts';
import { parseCondition } from './parse.ts';
import {
  type Call,
  type Condition,
  EvaluationError,
  type Expression,
  OttlError,
  type Path,
  type Value,
} from './syntax.ts';
import { calculate, compare, indexed, typeOf } from './values.ts';

/** What a test reads. The names of facts are those of the context. */
export interface Reader<Source> {
  /** Facts that it depends on; empty: it is the same for every source. */
  readonly facts: readonly string[];
  /** May throw an EvaluationError. */
  read(source: Source): Value;
}

/** What paths, enums and functions of its own a context gives to conditions. */
export interface OttlContext<Source> {
  /** Throws a PathError for a path that it does not have; keys that it does not take are applied to what it reads. */
  path(path: Path, keys: readonly (Value | undefined)[]): { reader: Reader<Source>; keysTaken: number };
  readonly enums: ReadonlyMap<string, bigint>;
  readonly functions: ReadonlyMap<string, ContextFunction<Source>>;
}

/** A function of a context: reads the source itself; its arguments are fixed. */
export interface ContextFunction<Source> {
  readonly parameters: readonly string[];
  prepare(given: readonly Value[]): Reader<Source>;
}

export class PathError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

export type CompiledCondition<Source> =
  | { readonly kind: 'and' | 'or'; readonly left: CompiledCondition<Source>; readonly right: CompiledCondition<Source> }
  | { readonly kind: 'not'; readonly operand: CompiledCondition<Source> }
  | { readonly kind: 'test'; readonly facts: readonly string[]; test(source: Source): boolean };

/** Throws an OttlError that says where the text is wrong. */
export function compileCondition<Source>(text: string, context: OttlContext<Source>): CompiledCondition<Source> {
  return new Compiler(text, context).condition(parseCondition(text));
}

class Compiler<Source> {
  readonly #text: string;
  readonly #context: OttlContext<Source>;

  constructor(text: string, context: OttlContext<Source>) {
    this.#text = text;
    this.#context = context;
  }

  condition(condition: Condition): CompiledCondition<Source> {
    if (condition.kind === 'not') return { kind: 'not', operand: this.condition(condition.operand) };
    if (condition.kind === 'test') return this.#test(condition.value);
    if (condition.kind === 'comparison') {
      const { operator } = condition;
      const [left, right] = [this.#reader(condition.left), this.#reader(condition.right)];
      const test = (source: Source) => compare(operator, left.read(source), right.read(source));
      return { kind: 'test', facts: [...new Set([...left.facts, ...right.facts])], test };
    }
    const { kind } = condition;
    return { kind, left: this.condition(condition.left), right: this.condition(condition.right) };
  }

  #test(value: Expression): CompiledCondition<Source> {
    const { facts, read } = this.#reader(value);
    const name = value.kind === 'call' ? value.name : 'this';
    const test = (source: Source) => {
      const found = read(source);
      if (typeof found === 'boolean') return found;
      throw new EvaluationError(`value returned from ${name} is ${typeOf(found)}, not a boolean`);
    };
    return { kind: 'test', facts, test };
  }

  #reader(expression: Expression): Reader<Source> {
    switch (expression.kind) {
      case 'literal':
        return constant(expression.value);
      case 'enum':
        return constant(this.#enum(expression.name, expression.at));
      case 'list':
        return joined(
          expression.items.map((item) => this.#reader(item)),
          (items) => items,
        );
      case 'map': {
        const keys = expression.entries.map(([key]) => key);
        const values = expression.entries.map(([, item]) => this.#reader(item));
        return joined(values, (items) => new Map(keys.map((key, at) => [key, items[at]!])));
      }
      case 'math': {
        const { operator } = expression;
        const operands = [this.#reader(expression.left), this.#reader(expression.right)];
        return this.#checked(
          joined(operands, ([left = null, right = null]) => calculate(operator, left, right)),
          expression.at,
        );
      }
      case 'path':
        return this.#path(expression);
      case 'call':
        return this.#call(expression);
    }
  }

  #enum(name: string, at: number): bigint {
    const value = this.#context.enums.get(name);
    if (value !== undefined) return value;
    throw this.#error(
      at,
      `enum symbol not found: ${name}`,
      suggestionFor(name, [...this.#context.enums.keys()], 'enums'),
    );
  }

  #path(path: Path): Reader<Source> {
    const keys = path.segments.flatMap((segment) => segment.keys).map((key) => this.#reader(key));
    try {
      const { reader, keysTaken } = this.#context.path(path, keys.map(fixedValue));
      return this.#withKeys(reader, keys.slice(keysTaken), path.at);
    } catch (error) {
      if (error instanceof PathError) throw this.#error(path.at, error.message, error.fix);
      throw error;
    }
  }

  #withKeys(reader: Reader<Source>, keys: readonly Reader<Source>[], at: number): Reader<Source> {
    if (keys.length === 0) return reader;
    return this.#checked(
      joined([reader, ...keys], ([value = null, ...rest]) => rest.reduce(indexed, value)),
      at,
    );
  }

  #call(call: Call): Reader<Source> {
    const own = this.#context.functions.get(call.name);
    const converter = own ?? converters.get(call.name);
    if (converter === undefined) {
      const known = [...converters.keys(), ...this.#context.functions.keys()];
      throw this.#error(call.at, `undefined function "${call.name}"`, suggestionFor(call.name, known, 'functions'));
    }
    const given = this.#arguments(call, converter);
    const readers = given.map((argument) => this.#reader(argument));
    const fixed = readers.map(fixedValue);
    try {
      if (own !== undefined) return own.prepare(fixed.map((value, at) => neededFixed(value, at, call.name)));
      const made = (converter as Converter).prepare(fixed);
      const keys = call.keys.map((key) => this.#reader(key));
      return this.#withKeys(this.#checked(joined(readers, made), call.at), keys, call.at);
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      throw this.#error(given[error.argument]?.at ?? call.at, error.message, error.fix);
    }
  }

  /** In the order of the parameters. */
  #arguments(call: Call, { parameters, optional = 0 }: Pick<Converter, 'parameters' | 'optional'>): Expression[] {
    const named = new Map<string, Expression>();
    for (const [at, { name = parameters[at], value }] of call.arguments.entries()) {
      if (name === undefined || !parameters.includes(name) || named.has(name)) {
        const message = `incorrect number of arguments or unknown name in ${call.name}`;
        throw this.#error(value.at, message, `it takes ${call.name}(${parameters.join(', ')})`);
      }
      named.set(name, value);
    }
    const values = parameters.map((name) => named.get(name));
    const last = values.findLastIndex((value) => value !== undefined);
    if (last + 1 < parameters.length - optional || values.slice(0, last + 1).includes(undefined)) {
      const message = `incorrect number of arguments. Expected: ${parameters.length - optional} Received: ${named.size}`;
      throw this.#error(call.at, message, `it takes ${call.name}(${parameters.join(', ')})`);
    }
    return values.slice(0, last + 1).map((value) => value!);
  }

  /** What is fixed and fails would fail for every row: it is told when the condition is read. */
  #checked(reader: Reader<Source>, at: number): Reader<Source> {
    if (reader.facts.length > 0) return reader;
    try {
      return constant(fixedValue(reader)!);
    } catch (error) {
      throw this.#error(at, (error as Error).message);
    }
  }

  #error(at: number, message: string, fix?: string): OttlError {
    return new OttlError(this.#text, at, message, fix);
  }
}

const constant = (value: Value) => ({ facts: [], read: () => value });

/** The value of what does not depend on the data. */
function fixedValue<Source>({ facts, read }: Reader<Source>): Value | undefined {
  return facts.length === 0 ? read(undefined as Source) : undefined;
}

function neededFixed(value: Value | undefined, at: number, name: string): Value {
  if (value !== undefined) return value;
  throw new ArgumentError(at, `${name}: the argument must not depend on the data`, 'write the value out');
}

function joined<Source>(readers: readonly Reader<Source>[], made: (values: readonly Value[]) => Value): Reader<Source> {
  return {
    facts: [...new Set(readers.flatMap(({ facts }) => facts))],
    read: (source) => made(readers.map(({ read }) => read(source))),
  };
}
