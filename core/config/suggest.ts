/** "Did you mean": the nearest known word, when it is near enough to be a slip of the hand. */

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) least = Math.min(least, beforeLast[column - 2]! + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}

/** Longer words may hold more slips: one in three characters. A word that shares none with another is no slip of it. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= limit && distance < candidate.length)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** The fix for an unknown word: the nearest known one, else all of them. */
export function suggestionFor(word: string, known: readonly string[], noun: string): string {
  const candidate = nearest(word, known);
  if (candidate !== undefined) return `did you mean '${candidate}'?`;
  return known.length === 0 ? `there are no ${noun} here` : `known ${noun}: ${known.join(', ')}`;
}

/** The fix for a value that is none of a few words, which are all named. */
export function choiceOf(words: readonly string[], value: string): string {
  const candidate = nearest(value, words);
  const all = words.map((word) => word || '""').join(', ');
  return `one of ${all}${candidate === undefined ? '' : `; did you mean '${candidate}'?`}`;
}
