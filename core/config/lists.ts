/** Formats of lists whose items are texts with a meaning: one reader of items for all of them, and those that several components have. */

import type { NamingPreset } from '../table/flow-table.ts';
import { type Feature, features } from '../table/metrics.ts';
import { oneOf, stringList } from './formats.ts';
import { type Format, FormatError } from './schema.ts';

/** A list of texts, each read by `parse`, which may throw a FormatError; `show` gives the text back. */
export function textListOf<Item>(parse: (text: string) => Item, show: (item: Item) => string): Format<readonly Item[]> {
  const read = (value: unknown) =>
    stringList(value).map((text, position) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        // A text with commas has no positions in the file.
        const path = Array.isArray(value) ? [String(position)] : [];
        const problems = error.problems.map((problem) => ({ ...problem, path }));
        throw new FormatError(...problems);
      }
    });
  return Object.assign(read, { text: true as const, print: (items: readonly Item[]) => items.map(show) });
}

const presets = ['beyla', 'obi', 'otel'] as const;
const presetsOrNone = textListOf<NamingPreset>(oneOf(...presets), (preset) => preset);

const printPresets = (names: readonly NamingPreset[]) => (names.length < 2 ? (names[0] ?? '') : names);

/** `metric_names` where it may be left out: one preset or a list, each once; empty when it is not given. */
export const presetListOrNone: Format<readonly NamingPreset[]> = Object.assign(
  (value: unknown) => [...new Set(presetsOrNone(value))],
  { text: true as const, print: printPresets },
);

/** `metric_names`: one preset or a list, each once, at least one. */
export const presetList: Format<readonly NamingPreset[]> = Object.assign(
  (value: unknown) => {
    const names = presetListOrNone(value);
    if (names.length === 0)
      throw new FormatError({ message: 'must not be empty', fix: `one of ${presets.join(', ')}` });
    return names;
  },
  { text: true as const, print: printPresets },
);

const featureNames = textListOf<Feature | 'all' | '*'>(oneOf(...features, 'all', '*'), (feature) => feature);

/** `features`: a list, each once; `all` and `*` are all of them. */
export const featureList: Format<readonly Feature[]> = Object.assign(
  (value: unknown): readonly Feature[] => {
    const names = featureNames(value);
    return features.filter((feature) => names.some((name) => name === feature || name === 'all' || name === '*'));
  },
  { text: true as const },
);
