/** Values that stand in the text of a condition. `whole` is that text; all throw an OttlError. */

import { syntaxError } from './syntax.ts';
import type { Token } from './tokens.ts';

export function unquoted(whole: string, { text, at }: Token): string {
  try {
    return JSON.parse(text.replaceAll('\n', '\\n').replaceAll('\t', '\\t'));
  } catch {
    const fix = 'in a string write \\\\ for a backslash; known escapes are \\" \\\\ \\n \\t \\r \\uXXXX';
    throw syntaxError(whole, at, `invalid quoted string ${text}`, fix);
  }
}

/** With the sign before it, in 64 bits. */
export function intOf(whole: string, { text, at }: Token, sign = ''): bigint {
  const value = BigInt(text) * (sign === '-' ? -1n : 1n);
  if (value === BigInt.asIntN(64, value)) return value;
  throw syntaxError(whole, at, `${text} does not fit into 64 bits`, 'write a smaller number');
}

/** `0x0a`: two digits a byte. */
export function bytesOf(whole: string, { text, at }: Token): Uint8Array {
  const digits = text.slice(2);
  if (digits.length % 2 === 0) return Uint8Array.from(Buffer.from(digits, 'hex'));
  throw syntaxError(whole, at, `${text} has an odd number of hex digits`, 'write two digits a byte');
}
