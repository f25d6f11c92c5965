/** Parses an OTTL condition by recursive descent: or, and, not, comparison, sum, product, value. */

import { bytesOf, intOf, unquoted } from './literals.ts';
import {
  type ComparisonOperator,
  type Condition,
  type Expression,
  type MathOperator,
  type OttlError,
  syntaxError,
  type Value,
} from './syntax.ts';
import { type Token, tokensOf } from './tokens.ts';

const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'where', 'true', 'false', 'nil']);
const constants: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['false', false],
  ['nil', null],
]);

/** Deeper nesting is refused: each level is a call. */
const MAX_DEPTH = 100;

/** Throws an OttlError that says where the text is wrong. */
export function parseCondition(text: string): Condition {
  const parser = new Parser(text);
  const condition = parser.condition();
  parser.expectEnd();
  return condition;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  condition(): Condition {
    return this.#nested(() => {
      let left = this.#conjunction();
      while (this.#take('or')) left = { kind: 'or', left, right: this.#conjunction() };
      return left;
    });
  }

  expectEnd(): void {
    if (this.#next.kind !== 'end') throw this.#unexpected('"and", "or" or the end');
  }

  get #next(): Token {
    return this.#tokens[this.#position]!;
  }

  /** Takes the next token when it is this word or sign. */
  #take(text: string): boolean {
    if (this.#next.text !== text || this.#next.kind === 'string') return false;
    this.#position += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#unexpected(`"${text}"`);
  }

  #unexpected(expected: string): OttlError {
    const { text, at, kind } = this.#next;
    const shown = kind === 'string' ? text : `"${text}"`;
    const fix = text === '=' ? 'write == to compare' : undefined;
    return syntaxError(this.#text, at, `unexpected token ${shown} (expected ${expected})`, fix);
  }

  #nested<Result>(parse: () => Result): Result {
    if (this.#depth >= MAX_DEPTH) {
      const message = `nested more than ${MAX_DEPTH} levels deep`;
      throw syntaxError(this.#text, this.#next.at, message, 'split it into several conditions');
    }
    this.#depth += 1;
    const result = parse();
    this.#depth -= 1;
    return result;
  }

  #conjunction(): Condition {
    let left = this.#negation();
    while (this.#take('and')) left = { kind: 'and', left, right: this.#negation() };
    return left;
  }

  #negation(): Condition {
    if (this.#take('not')) return { kind: 'not', operand: this.#nested(() => this.#negation()) };
    return this.#next.text === '(' ? this.#parenthesis() : this.#comparison();
  }

  /** `(a == 1 or b == 2)` and `(a + 1) * 2 == 4` begin alike: what fails later tells what was meant. */
  #parenthesis(): Condition {
    const [start, depth] = [this.#position, this.#depth];
    let failure: unknown;
    let failedAt = start;
    try {
      this.#expect('(');
      const condition = this.condition();
      this.#expect(')');
      if (!comparisons.has(this.#next.text) && !/^[-+*/]$/.test(this.#next.text)) return condition;
    } catch (error) {
      failure = error;
      failedAt = this.#position;
    }
    this.#position = start;
    this.#depth = depth;
    try {
      return this.#comparison();
    } catch (error) {
      throw failure !== undefined && failedAt > this.#position ? failure : error;
    }
  }

  #comparison(): Condition {
    const left = this.#sum();
    const { text, kind } = this.#next;
    if (kind === 'sign' && comparisons.has(text)) {
      this.#position += 1;
      return { kind: 'comparison', operator: text as ComparisonOperator, left, right: this.#sum() };
    }
    if (left.kind === 'call' || (left.kind === 'literal' && typeof left.value === 'boolean')) {
      return { kind: 'test', value: left };
    }
    throw this.#unexpected('a comparison such as ==');
  }

  #sum(): Expression {
    return this.#chain(['+', '-'], () => this.#chain(['*', '/'], () => this.#value()));
  }

  #chain(operators: readonly MathOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const { at } = this.#next;
      const operator = operators.find((sign) => this.#take(sign));
      if (operator === undefined) return left;
      left = { kind: 'math', operator, left, right: operand(), at };
    }
  }

  #value(): Expression {
    const token = this.#next;
    const { kind, at } = token;
    if (kind === 'sign') return this.#signed();
    this.#position += 1;
    if (kind === 'string') return { kind: 'literal', value: unquoted(this.#text, token), at };
    if (kind === 'bytes') return { kind: 'literal', value: bytesOf(this.#text, token), at };
    if (kind === 'int') return { kind: 'literal', value: intOf(this.#text, token), at };
    if (kind === 'float') return { kind: 'literal', value: Number(token.text), at };
    if (kind === 'uppercase')
      return this.#next.text === '(' ? this.#call(token) : { kind: 'enum', name: token.text, at };
    const constant = constants.get(token.text);
    if (constant !== undefined) return { kind: 'literal', value: constant, at };
    if (kind === 'lowercase' && this.#next.text === '(') throw this.#editor(token);
    if (kind === 'lowercase' && !keywords.has(token.text)) return this.#path(token);
    this.#position -= 1;
    throw this.#unexpected('a value');
  }

  /** What begins with a sign: a parenthesis, a list, a map, a number with its sign. */
  #signed(): Expression {
    const { text, at } = this.#next;
    if (this.#take('(')) {
      const inner = this.#nested(() => this.#sum());
      this.#expect(')');
      return inner;
    }
    if (text === '[') return { kind: 'list', items: this.#items('[', ']', () => this.#nested(() => this.#sum())), at };
    if (text === '{') return { kind: 'map', entries: this.#items('{', '}', () => this.#entry()), at };
    const number = this.#tokens[this.#position + 1];
    if ((text === '-' || text === '+') && (number?.kind === 'int' || number?.kind === 'float')) {
      this.#position += 2;
      const value = number.kind === 'int' ? intOf(this.#text, number, text) : Number(`${text}${number.text}`);
      return { kind: 'literal', value, at };
    }
    throw this.#unexpected('a value');
  }

  #items<Item>(open: string, close: string, item: () => Item): readonly Item[] {
    this.#expect(open);
    const items: Item[] = [];
    if (this.#take(close)) return items;
    do items.push(item());
    while (this.#take(','));
    this.#expect(close);
    return items;
  }

  #entry(): readonly [string, Expression] {
    const token = this.#next;
    if (token.kind !== 'string') throw this.#unexpected('a key in double quotes');
    this.#position += 1;
    this.#expect(':');
    return [unquoted(this.#text, token), this.#nested(() => this.#sum())];
  }

  #keys(): readonly Expression[] {
    const keys: Expression[] = [];
    while (this.#take('[')) {
      keys.push(this.#nested(() => this.#sum()));
      this.#expect(']');
    }
    return keys;
  }

  #path(first: Token): Expression {
    const segments = [{ name: first.text, keys: this.#keys() }];
    while (this.#take('.')) {
      const { kind, text } = this.#next;
      if (kind !== 'lowercase') throw this.#unexpected('a name in lower case');
      this.#position += 1;
      segments.push({ name: text, keys: this.#keys() });
    }
    return { kind: 'path', segments, at: first.at };
  }

  #call({ text: name, at }: Token): Expression {
    const items = this.#items('(', ')', () => this.#argument());
    return { kind: 'call', name, arguments: items, keys: this.#keys(), at };
  }

  #argument(): { readonly name?: string; readonly value: Expression } {
    const { kind, text } = this.#next;
    if (kind !== 'lowercase' || this.#tokens[this.#position + 1]?.text !== '=') {
      return { value: this.#nested(() => this.#sum()) };
    }
    this.#position += 2;
    return { name: text, value: this.#nested(() => this.#sum()) };
  }

  #editor({ text, at }: Token): OttlError {
    const message = `converter names must start with an uppercase letter but got '${text}'`;
    return syntaxError(
      this.#text,
      at,
      message,
      'a condition asks and changes nothing: call a converter such as IsMatch',
    );
  }
}
