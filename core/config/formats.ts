/**
 * The formats that components use in their schemas: `timeout: { format: duration, default: '5s', doc: '...' }`.
 * Each says below what it delivers. They take values as the YAML has them and never coerce.
 */

import { type Format, FormatError, type FormatProblem } from './schema.ts';
import { choiceOf } from './suggest.ts';
import type { ConfigNode } from './tree.ts';

const goTypeName = (value: unknown): string => {
  if (Array.isArray(value)) return 'slice';
  if (value === null || value === undefined) return 'nil';
  if (typeof value === 'object') return 'map';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  return 'string';
};

/** The complaint about a value of the wrong type, in upstream's words. */
export function wrongType(expected: string, value: unknown, fix?: string, path?: readonly string[]): FormatProblem {
  return {
    message: `expected type '${expected}', got unconvertible type '${goTypeName(value)}'`,
    ...(fix === undefined ? {} : { fix }),
    ...(path === undefined ? {} : { path }),
  };
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const millisecondsOfUnit: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

function millisecondsOf(text: string): number {
  if (text === '0') return 0;
  const invalid = (message: string) =>
    new FormatError({ message, fix: 'write a number with a unit of ns, us, ms, s, m or h, such as 5s or 1m30s' });
  if (text.startsWith('-')) {
    throw new FormatError({ message: `must be non-negative, got "${text}"`, fix: 'leave out the minus' });
  }
  if (/^[0-9.]+$/.test(text)) throw invalid(`time: missing unit in duration "${text}"`);
  let total = 0;
  let rest = text;
  while (rest !== '') {
    const [part, amount, unit] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest) ?? [];
    if (part === undefined || amount === undefined || unit === '') throw invalid(`time: invalid duration "${text}"`);
    const factor = millisecondsOfUnit[unit ?? ''];
    if (factor === undefined) throw invalid(`time: unknown unit "${unit}" in duration "${text}"`);
    total += Number(amount) * factor;
    rest = rest.slice(part.length);
  }
  if (text === '') throw invalid('time: invalid duration ""');
  return total;
}

function printDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  for (const unit of ['h', 'm', 's', 'ms', 'us'] as const) {
    const amount = milliseconds / (millisecondsOfUnit[unit] ?? 1);
    if (Number.isInteger(amount)) return `${amount}${unit}`;
  }
  return `${Math.round(milliseconds * 1e6)}ns`;
}

/** Go's duration syntax, `300ms` or `1h30m`, not negative. Delivers milliseconds as a number, perhaps with a fraction. */
export const duration: Format<number> = Object.assign(
  (value: unknown) => {
    if (value === 0) return 0;
    if (typeof value === 'number') return millisecondsOf(String(value));
    if (typeof value !== 'string') throw new FormatError(wrongType('duration', value, 'such as 5s'));
    return millisecondsOf(value.trim());
  },
  { print: printDuration },
);

function integer(value: unknown, least: number, complaint: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new FormatError(wrongType('int', value, 'write a whole number without quotes or unit'));
  }
  if (value < least || !Number.isSafeInteger(value)) {
    throw new FormatError({ message: `${complaint}, got ${value}`, fix: `write a whole number of ${least} or more` });
  }
  return value;
}

/** A whole number of 1 or more. Delivers a number. */
export const positiveInteger: Format<number> = (value) => integer(value, 1, 'must be positive');

/** A whole number of 0 or more. Delivers a number. */
export const nonNegativeInteger: Format<number> = (value) => integer(value, 0, 'must be non-negative');

/** Any finite number. Delivers a number. */
export const number: Format<number> = (value) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new FormatError(wrongType('float64', value, 'write a number without quotes'));
};

/** `true` or `false`, not `yes` and not `"true"`. Delivers a boolean. */
export const boolean: Format<boolean> = (value) => {
  if (typeof value === 'boolean') return value;
  throw new FormatError(wrongType('bool', value, 'write true or false, without quotes'));
};

function stringOf(value: unknown, path?: readonly string[]): string {
  if (typeof value === 'string') return value;
  throw new FormatError(wrongType('string', value, 'put it in quotes if it is meant as text', path));
}

/** A variable may hold what YAML would take for a list, such as `[::1]`. */
const wholeText = (value: unknown, node?: ConfigNode): string => stringOf(node?.text ?? value);

/** Any text, also empty. Delivers a string. */
export const text: Format<string> = Object.assign((value: unknown, node?: ConfigNode) => wholeText(value, node), {
  text: true as const,
});

/** Text that `print-config` never shows. Delivers a plain string: whoever gets it must not log it. */
export const secret: Format<string> = Object.assign((value: unknown, node?: ConfigNode) => wholeText(value, node), {
  text: true as const,
  print: (value: string) => (value === '' ? '' : '[REDACTED]'),
});

/** One of a few words. Delivers that word; the configuration type may be their union. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Format<Word> {
  const check = (value: unknown): Word => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    if (typeof value !== 'string') throw new FormatError(wrongType('string', value, `one of ${words.join(', ')}`));
    throw new FormatError({ message: `unsupported value "${value}"`, fix: choiceOf(words, value) });
  };
  return Object.assign(check, { text: true as const });
}

/** A list of texts, or one text with commas between them. Delivers an array of strings. */
export const stringList: Format<readonly string[]> = Object.assign(
  (value: unknown): readonly string[] => {
    if (typeof value === 'string') return value === '' ? [] : value.split(',').map((item) => item.trim());
    if (!Array.isArray(value)) throw new FormatError(wrongType('[]string', value, 'write a list: [a, b]'));
    return value.map((item, index) => stringOf(item, [String(index)]));
  },
  { text: true as const },
);

function headerPairs(value: unknown): readonly (readonly [string, string])[] {
  if (isMap(value)) return Object.entries(value).map(([name, content]) => [name, stringOf(content, [name])]);
  if (!Array.isArray(value)) throw new FormatError(wrongType('map', value, 'write {name: value}'));
  return value.map((item: unknown, index) => {
    const fix = 'each item is {name: ..., value: ...}';
    if (!isMap(item)) throw new FormatError(wrongType('map', item, fix, [String(index)]));
    const extra = Object.keys(item).filter((key) => key !== 'name' && key !== 'value');
    if (extra.length > 0) {
      const message = `has invalid keys: ${extra.join(', ')}`;
      throw new FormatError({ message, fix, path: [String(index)], code: 'config/unknown-key' });
    }
    return [stringOf(item.name, [String(index), 'name']), stringOf(item.value, [String(index), 'value'])];
  });
}

/** HTTP or gRPC headers, as a map or a list of {name, value}; values are secret. Delivers a plain object of strings. */
export const headers: Format<Readonly<Record<string, string>>> = Object.assign(
  (value: unknown): Readonly<Record<string, string>> => {
    const pairs = headerPairs(value);
    const names = pairs.map(([name]) => name);
    const repeated = names.filter((name, index) => names.indexOf(name) !== index);
    if (repeated.length > 0) {
      const message = `duplicate keys in map-style list: [${[...new Set(repeated)].join(' ')}]`;
      throw new FormatError({ message, fix: 'give each name once' });
    }
    return Object.fromEntries(pairs);
  },
  {
    text: true as const,
    print: (value: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.keys(value).map((name) => [name, '[REDACTED]'])),
  },
);

/**
 * A map whose keys the user chooses, dots allowed, with any values; for values with keys of their own, which are
 * checked too, see `keyedMapOf` in block.ts. Delivers a Map in the order of the file.
 */
export const keyedMap: Format<ReadonlyMap<string, unknown>> = Object.assign(
  (value: unknown): ReadonlyMap<string, unknown> => {
    if (!isMap(value)) throw new FormatError(wrongType('map', value, 'write {key: value}'));
    return new Map(Object.entries(value));
  },
  { print: (value: ReadonlyMap<string, unknown>) => Object.fromEntries(value) },
);
