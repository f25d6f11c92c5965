/** Cuts the text of an OTTL condition into tokens, each with its place. */

import { syntaxError } from './syntax.ts';

export interface Token {
  readonly kind: 'string' | 'int' | 'float' | 'bytes' | 'lowercase' | 'uppercase' | 'sign' | 'end';
  /** As it stands in the text. */
  readonly text: string;
  readonly at: number;
}

/** In the order in which they are tried. */
const patterns: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /\s+/y],
  ['string', /"(?:\\.|[^"\\])*"/sy],
  ['bytes', /0x[0-9a-fA-F]*/y],
  ['float', /\d*\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+/y],
  ['int', /\d+/y],
  ['lowercase', /[a-z][a-zA-Z0-9_]*/y],
  ['uppercase', /[A-Z][a-zA-Z0-9_]*/y],
  ['sign', /==|!=|<=|>=|[<>()[\]{},.=:+\-*/]/y],
];

/** The tokens, with an end behind the last one. Throws an OttlError. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const found = tokenAt(text, at);
    if (found === undefined) throw syntaxError(text, at, `invalid input text "${text.slice(at)}"`, fixFor(text[at]!));
    const [kind, part] = found;
    if (kind !== 'space') tokens.push({ kind, text: part, at });
    at += part.length;
  }
  return [...tokens, { kind: 'end', text: '<EOF>', at }];
}

function tokenAt(text: string, at: number): readonly [Token['kind'] | 'space', string] | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const part = pattern.exec(text)?.[0];
    if (part !== undefined) return [kind, part];
  }
  return undefined;
}

function fixFor(character: string): string {
  if (character === '"') return 'close the quotes';
  if (character === "'") return 'strings stand in double quotes';
  if (character === '&') return 'write and';
  if (character === '|') return 'write or';
  if (character === '!') return 'write not, or != to compare';
  return 'see the README of the processor for the grammar';
}
