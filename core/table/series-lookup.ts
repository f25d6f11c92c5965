/** Finds the series of one index in another one by their attributes, without a text for each series. */

import { ABSENT, type AttributeValue, type Dictionary } from './dictionary.ts';
import type { SeriesIndex } from './series-index.ts';

/** The id in the other index of the series with the same attributes; undefined when there is none. */
export type SeriesLookup = (id: number) => number | undefined;

/** Metrics that share an index share what was found out about its values. */
const lookups = new WeakMap<SeriesIndex, WeakMap<SeriesIndex, SeriesLookup>>();

export function seriesLookup(from: SeriesIndex, to: SeriesIndex): SeriesLookup {
  let known = lookups.get(to);
  if (known === undefined) {
    known = new WeakMap();
    lookups.set(to, known);
  }
  let lookup = known.get(from);
  if (lookup === undefined) {
    lookup = createLookup(from, to);
    known.set(from, lookup);
  }
  return lookup;
}

function createLookup(from: SeriesIndex, to: SeriesIndex): SeriesLookup {
  const translate = createTranslations(to);
  const sources = to.columns.map((column) => {
    const source = from.columns.find(({ name }) => name === column.name);
    return { source, translate: translate(source?.dictionary, column.dictionary) };
  });
  const alone = from.columns.filter(({ name }) => to.columns.every((column) => column.name !== name));
  const codes = new Uint32Array(to.columns.length);
  return (id) => {
    if (alone.some((column) => column.dictionary.at(column.codes[id]!) !== undefined)) return undefined;
    for (let c = 0; c < sources.length; c++) {
      const { source, translate } = sources[c]!;
      const code = translate(source === undefined ? ABSENT : source.codes[id]!);
      if (code === undefined) return undefined;
      codes[c] = code;
    }
    return to.find(codes);
  };
}

/** What a code of one dictionary is in another one; undefined when no series there has that value. */
type Translation = (code: number) => number | undefined;

/** One translation for each pair of dictionaries: source and destination of a flow have the same. */
function createTranslations(to: SeriesIndex): (from: Dictionary | undefined, into: Dictionary) => Translation {
  const made = new Map<Dictionary, Map<Dictionary | undefined, Translation>>();
  return (from, into) => {
    // A code keeps its value for as long as the dictionary lives.
    if (from === into) return (code) => code;
    const ofInto = made.get(into) ?? new Map<Dictionary | undefined, Translation>();
    made.set(into, ofInto);
    const translation = ofInto.get(from) ?? createTranslation(from, into, to);
    ofInto.set(from, translation);
    return translation;
  };
}

function createTranslation(from: Dictionary | undefined, into: Dictionary, to: SeriesIndex): Translation {
  const columns = to.columns.filter(({ dictionary }) => dictionary === into);
  const codesOfValues = new Map<AttributeValue | undefined, number>();
  const seen = new Set<number>();
  let seenIds = 0;
  const readNewIds = () => {
    for (; seenIds < to.size; seenIds++) {
      for (const { codes } of columns) {
        const code = codes[seenIds]!;
        if (seen.has(code)) continue;
        seen.add(code);
        codesOfValues.set(into.at(code), code);
      }
    }
  };

  const translated = new Map<number, number>();
  return (code) => {
    const known = translated.get(code);
    if (known !== undefined) return known;
    readNewIds();
    const found = codesOfValues.get(from?.at(code));
    if (found !== undefined) translated.set(code, found);
    return found;
  };
}
