/**
 * The key `resource_attributes`: attributes that the user gives the agent, and found ones to leave out, in the two forms
 * that are in use: `team: net` (as OTEL_RESOURCE_ATTRIBUTES has it) and `host.id: {enabled: false}` (as receivers of the
 * Collector have it).
 */

import { keyedMap } from '../../core/config/formats.ts';
import { type Format, FormatError, type FormatProblem } from '../../core/config/schema.ts';
import type { AttributeValue } from '../../core/table/dictionary.ts';

/** By name: a value to give, or whether one that is found is kept. */
export type ResourceAttributes = ReadonlyMap<string, AttributeValue | { readonly enabled: boolean }>;

const FIX = 'write a text, a number, true or false, or {enabled: false}';

function entryOf(name: string, value: unknown): AttributeValue | { readonly enabled: boolean } | FormatProblem {
  if (name.trim() === '') return { message: 'an attribute has no name', path: [name], fix: 'write name: value' };
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const { enabled, ...rest } = value as Readonly<Record<string, unknown>>;
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) {
      return { message: `has invalid keys: ${unknown}`, path: [name, unknown], fix: FIX, code: 'config/unknown-key' };
    }
    if (typeof enabled === 'boolean') return { enabled };
    // Through `${env:X}` it comes as text.
    if (enabled === 'true' || enabled === 'false') return { enabled: enabled === 'true' };
  }
  return { message: 'is no value of an attribute', path: [name], fix: FIX };
}

export const resourceAttributes: Format<ResourceAttributes> = Object.assign(
  (given: unknown): ResourceAttributes => {
    const problems: FormatProblem[] = [];
    const read = new Map<string, AttributeValue | { readonly enabled: boolean }>();
    for (const [name, value] of keyedMap(given)) {
      const entry = entryOf(name, value);
      if (typeof entry === 'object' && 'message' in entry) problems.push(entry);
      else read.set(name, entry);
    }
    if (problems.length > 0) throw new FormatError(...problems);
    return read;
  },
  { text: true as const, print: (attributes: ResourceAttributes) => Object.fromEntries(attributes) },
);
