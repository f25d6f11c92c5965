/** How OTTL compares and calculates: the rules of LANGUAGE.md, "Comparison Rules" and "Math Expressions". */

import type { AttributeValue } from '../table/dictionary.ts';
import { type ComparisonOperator, EvaluationError, type MathOperator, type Value } from './syntax.ts';

/** An attribute as OTTL sees it: whole numbers are ints, absence is nil. */
export function ottlValue(attribute: AttributeValue | undefined): Value {
  if (attribute === undefined) return null;
  return typeof attribute === 'number' && Number.isInteger(attribute) ? BigInt(attribute) : attribute;
}

export type TypeName = 'nil' | 'bool' | 'int' | 'float' | 'string' | 'bytes' | 'list' | 'map';

export function typeOf(value: Value): TypeName {
  if (value === null) return 'nil';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'string') return 'string';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'list' : 'map';
}

/** Values of different types are unequal and in no order; int and float are compared as numbers. */
export function compare(operator: ComparisonOperator, left: Value, right: Value): boolean {
  const order = orderOf(left, right);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order === -1;
    case '<=':
      return order === -1 || order === 0;
    case '>':
      return order === 1;
    case '>=':
      return order === 1 || order === 0;
  }
}

/** Undefined where there is no order and the two differ. */
function orderOf(left: Value, right: Value): -1 | 0 | 1 | undefined {
  const type = typeOf(left);
  const numeric = isNumeric(left) && isNumeric(right);
  if (!numeric && type !== typeOf(right)) return undefined;
  if (type === 'nil') return 0;
  if (type === 'list' || type === 'map') return sameContent(left, right) ? 0 : undefined;
  if (type === 'bytes') return Math.sign(Buffer.compare(left as Uint8Array, right as Uint8Array)) as -1 | 0 | 1;
  if (type === 'string')
    return Math.sign(Buffer.compare(Buffer.from(left as string), Buffer.from(right as string))) as -1 | 0 | 1;
  const [a, b] = [left as number, right as number];
  if (a < b) return -1;
  if (a > b) return 1;
  // biome-ignore lint/suspicious/noDoubleEquals: an int and a float of the same size are equal
  return a == b ? 0 : undefined;
}

const isNumeric = (value: Value): value is bigint | number => typeof value === 'bigint' || typeof value === 'number';

function sameContent(left: Value, right: Value): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, at) => compare('==', item, right[at]!));
  }
  if (!(left instanceof Map) || !(right instanceof Map) || left.size !== right.size) return false;
  return [...left].every(([key, value]) => right.has(key) && compare('==', value, right.get(key)!));
}

/** Ints wrap at 64 bits and divide towards zero, as in Go. */
export function calculate(operator: MathOperator, left: Value, right: Value): Value {
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    if (operator === '/' && right === 0n) throw new EvaluationError('attempted to divide by 0');
    return BigInt.asIntN(64, apply(operator, left, right));
  }
  if (typeof left === 'number' && typeof right === 'number') {
    if (operator === '/' && right === 0) throw new EvaluationError('attempted to divide by 0');
    return apply(operator, left, right);
  }
  const message = `cannot calculate ${typeOf(left)} ${operator} ${typeOf(right)}`;
  throw new EvaluationError(message);
}

function apply<Numeric extends bigint | number>(operator: MathOperator, left: Numeric, right: Numeric): Numeric {
  // Both are of one type, which the compiler cannot see.
  const [a, b] = [left as number, right as number];
  if (operator === '+') return (a + b) as Numeric;
  if (operator === '-') return (a - b) as Numeric;
  return (operator === '*' ? a * b : a / b) as Numeric;
}

/** The item of a list or the entry of a map; nil where the map has no such key. */
export function indexed(value: Value, key: Value): Value {
  if (value instanceof Map && typeof key === 'string') return value.get(key) ?? null;
  if (Array.isArray(value) && typeof key === 'bigint') {
    const item = value[Number(key)];
    if (item === undefined) throw new EvaluationError(`index ${key} out of bounds of a list of ${value.length}`);
    return item;
  }
  throw new EvaluationError(`cannot take the key of type ${typeOf(key)} of a ${typeOf(value)}`);
}

/** As upstream's functions for text write a value that is none; undefined for nil. */
export function textOf(value: Value): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'object' ? JSON.stringify(plain(value)) : String(value);
}

function plain(value: Value): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return typeof value === 'bigint' ? Number(value) : value;
}
