/** Parts the rows of a table by what kind of endpoint their two ends are: one look at a small list a row. */

import { ABSENT, type CodeArray } from './dictionary.ts';
import type { FlowTable } from './flow-table.ts';

/** Kinds of endpoints are numbers below this. */
export const MAX_KINDS = 8;

const KIND_BITS = 3;

/** What becomes of a row, as a number from 0, by the kinds of its ends; `translated`: its packets show another destination. */
export type Decision = (src: number, dst: number, translated: boolean) => number;

/** Every answer of a decision about `kinds` kinds, for `partRows`. */
export function decisionTable(kinds: number, decide: Decision): Uint8Array {
  const answers = new Uint8Array(2 << (2 * KIND_BITS));
  for (const translated of [false, true]) {
    for (let src = 0; src < kinds; src++) {
      for (let dst = 0; dst < kinds; dst++) answers[placeOf(src, dst, translated)] = decide(src, dst, translated);
    }
  }
  return answers;
}

const placeOf = (src: number, dst: number, translated: boolean) =>
  (Number(translated) << (2 * KIND_BITS)) | (src << KIND_BITS) | dst;

/** Places of the rows by their fate, each list in order; undefined where all rows have fate 0. `kinds`: one an endpoint. */
export function partRows(
  table: FlowTable,
  kinds: Uint8Array,
  decisions: Uint8Array,
): readonly Uint32Array[] | undefined {
  const { rows, ends } = table;
  const { src, dst } = ends;
  const shown = dependsOnTranslation(decisions) ? table.columns.get('dst.nat.address')?.rows : undefined;
  const fates = new Uint8Array(rows);
  const counts = new Uint32Array(256);
  for (let row = 0; row < rows; row++) {
    const translated = shown !== undefined && isPresent(shown, row);
    const fate = decisions[placeOf(kinds[src[row]!]!, kinds[dst[row]!]!, translated)]!;
    fates[row] = fate;
    counts[fate]!++;
  }
  if (counts[0] === rows) return undefined;
  const places = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let row = 0; row < rows; row++) {
    const fate = fates[row]!;
    places[fate]![counts[fate]!++] = row;
  }
  return places;
}

const isPresent = (codes: CodeArray, row: number) => codes[row] !== ABSENT;

function dependsOnTranslation(decisions: Uint8Array): boolean {
  const half = decisions.length / 2;
  return decisions.subarray(0, half).some((fate, place) => fate !== decisions[place + half]);
}
