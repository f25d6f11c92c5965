/** Whether what a series is about still exists, as far as those know who named it. */

import { attributeNamed } from './attributes.ts';
import type { SeriesIndex } from './series-index.ts';

/** By column: many values come and go under this attribute, so a series lives on only if somebody knows of its value. */
const mustBeKnown = new WeakMap<SeriesIndex, readonly boolean[]>();

function mustBeKnownOf(index: SeriesIndex): readonly boolean[] {
  let known = mustBeKnown.get(index);
  if (known === undefined) {
    known = index.columns.map(({ name }) => attributeNamed(name)?.cardinality !== 'fine');
    mustBeKnown.set(index, known);
  }
  return known;
}

/**
 * True when at least one of its values is known to exist, none is known to be gone, and none whose existence nobody
 * knows is of an attribute with many values, such as a port or an address outside the cluster.
 */
export function stillExists(index: SeriesIndex, id: number): boolean {
  const needed = mustBeKnownOf(index);
  let known = false;
  for (let c = 0; c < index.columns.length; c++) {
    const { dictionary, codes } = index.columns[c]!;
    const code = codes[id]!;
    if (dictionary.at(code) === undefined) continue;
    if (dictionary.exists === undefined) {
      if (needed[c]) return false;
    } else if (dictionary.exists(code)) known = true;
    else return false;
  }
  return known;
}
