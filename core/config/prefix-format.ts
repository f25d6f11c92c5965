/** Address ranges in a configuration: one of them, and what is wrong with a list in which one stands twice. */

import type { ConfigProblem } from '../component/define.ts';
import { type Prefix, parsePrefix, prefixKey } from '../table/prefix.ts';
import { wrongType } from './formats.ts';
import { type Format, FormatError } from './schema.ts';

/** A range such as `10.0.0.0/8` or `2001:db8::/32`, without bits behind the prefix. Delivers a Prefix. */
export const prefixFormat: Format<Prefix> = Object.assign(
  (value: unknown): Prefix => {
    if (typeof value !== 'string') throw new FormatError(wrongType('string', value, 'such as 10.0.0.0/8'));
    const prefix = parsePrefix(value.trim());
    if ('message' in prefix) throw new FormatError(prefix);
    return prefix;
  },
  { text: true as const, print: ({ text }: Prefix) => text },
);

/** One complaint for each range that stands in the list before. */
export function repeatedPrefixes(prefixes: readonly Prefix[], key: string): readonly ConfigProblem[] {
  const first = new Map<string, number>();
  return prefixes.flatMap((prefix, place): readonly ConfigProblem[] => {
    const same = prefixKey(prefix);
    const earlier = first.get(same);
    if (earlier === undefined) {
      first.set(same, place);
      return [];
    }
    const message = `the range ${prefix.text} stands twice, here and at ${key}::${earlier}`;
    return [{ path: [key, String(place)], message, fix: 'keep one of the two' }];
  });
}
