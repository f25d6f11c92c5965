/** Applies rules to the rows of a table: which rows stay, which go, and how much each rule took. */

import { createJudge, FAILED, FALSE, type Questions, type Rows } from './row-verdicts.ts';

export interface Drops {
  /** Places of the rows, in order. */
  readonly kept: Uint32Array;
  readonly dropped: Uint32Array;
  /** One a rule. A row that several rules would drop counts for the first. */
  readonly byRule: readonly RuleCount[];
}

export interface RuleCount {
  readonly rows: number;
  /** One a measure, over those rows. */
  readonly sums: readonly number[];
  /** Rows for which the rule could not be answered; they are not dropped by it. */
  readonly failed: number;
}

const KEPT = 0;
const DROPPED = 1;

/** One a processor. Each rule says which rows go. */
export function createDropper<Facts>(
  rules: readonly Questions<Facts>[],
): (rows: Rows, facts: Facts, measures: readonly Float64Array[]) => Drops {
  const judges = rules.map((rule) => createJudge(rule));
  let fates = new Uint8Array(0);
  return (rows, facts, measures) => {
    const { count } = rows;
    if (fates.length < count) fates = new Uint8Array(count);
    fates.fill(KEPT, 0, count);
    const byRule = judges.map((judge) => drop(judge(rows, facts), fates, measures));
    const droppedRows = byRule.reduce((total, one) => total + one.rows, 0);
    return { ...split(fates, count, droppedRows), byRule };
  };
}

function drop(verdicts: Uint8Array, fates: Uint8Array, measures: readonly Float64Array[]): RuleCount {
  let rows = 0;
  let failed = 0;
  const sums = new Float64Array(measures.length);
  for (let row = 0; row < verdicts.length; row++) {
    const verdict = verdicts[row]!;
    if (verdict === FALSE) continue;
    if (verdict === FAILED) failed += 1;
    else if (fates[row] === KEPT) {
      fates[row] = DROPPED;
      rows += 1;
      for (let m = 0; m < measures.length; m++) sums[m]! += measures[m]![row]!;
    }
  }
  return { rows, sums: [...sums], failed };
}

function split(fates: Uint8Array, count: number, droppedRows: number): Pick<Drops, 'kept' | 'dropped'> {
  const dropped = new Uint32Array(droppedRows);
  const kept = new Uint32Array(count - droppedRows);
  let [keptSoFar, droppedSoFar] = [0, 0];
  for (let row = 0; row < count; row++) {
    if (fates[row] === KEPT) kept[keptSoFar++] = row;
    else dropped[droppedSoFar++] = row;
  }
  return { kept, dropped };
}
