/**
 * What became of each row of a table over all pipelines, for the ledger: taken where one pipeline took it, filtered where
 * every one filtered it, and open while one holds it back.
 */

import type { EndOfHeld, FilteredPlaces, FilterReason, HeldPlaces, HeldRows, NotTaken } from '../component/define.ts';
import type { FlowTable } from '../table/flow-table.ts';
import { placesInAll } from '../table/select-rows.ts';
import type { Outcome } from './steps.ts';

const REASONS: readonly FilterReason[] = ['rule', 'counted_elsewhere'];

export interface RowOutcomes {
  /** Undefined where a pipeline took every row. */
  readonly notTaken: NotTaken | undefined;
  /** Rows that a pipeline held back have gone on; undefined: it failed. */
  gone(rows: HeldRows, outcome: Outcome | undefined): void;
}

/** `outcomes`: of every pipeline that did not fail. */
export function createRowOutcomes(outcomes: readonly Outcome[], rows: number): RowOutcomes {
  const left = placesInAll(outcomes.map(placesLeft), rows);
  if (left.length === 0) return { notTaken: undefined, gone: () => undefined };
  /** By place: 0, or 1 + the place in REASONS. The first pipeline that filters a row names the reason. */
  const reasons = new Uint8Array(rows);
  for (const { filtered } of outcomes) for (const one of filtered) noteReason(reasons, one);
  const held = new Uint8Array(rows);
  for (const outcome of outcomes) for (const one of outcome.held) mark(held, placesOf(one.rows.table));

  let open = outcomes.reduce((sum, outcome) => sum + outcome.held.length, 0);
  const taken = new Uint8Array(rows);
  const places = left.filter((place) => held[place] === 1);
  let tell: (end: EndOfHeld) => void = () => undefined;
  const heldPlaces: HeldPlaces = {
    places,
    onGone: (callback) => {
      tell = callback;
    },
  };
  return {
    notTaken: {
      filtered: byReason(
        left.filter((place) => held[place] === 0),
        reasons,
      ),
      held: places.length === 0 ? undefined : heldPlaces,
    },
    gone({ table }, outcome) {
      open--;
      if (outcome !== undefined) {
        open += outcome.held.length;
        for (const one of outcome.filtered) noteReason(reasons, one);
        const still = new Set(placesLeft(outcome));
        mark(
          taken,
          placesOf(table).filter((place) => !still.has(place)),
        );
      }
      if (open > 0) return;
      const notTaken = places.filter((place) => taken[place] === 0);
      tell({ filtered: byReason(notTaken, reasons), lost: notTaken.filter((place) => reasons[place] === 0) });
    },
  };
}

/** Rows that did not reach the end of a pipeline: filtered and held back; none is both. */
function placesLeft({ filtered, held }: Outcome): Uint32Array {
  const lists = [...filtered.map(({ places }) => places), ...held.map(({ rows }) => placesOf(rows.table))];
  const joined = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    joined.set(list, at);
    at += list.length;
  }
  return joined;
}

const placesOf = ({ places, rows }: FlowTable) => places ?? Uint32Array.from({ length: rows }, (_, row) => row);

function mark(marks: Uint8Array, places: Uint32Array): void {
  for (const place of places) marks[place] = 1;
}

function noteReason(reasons: Uint8Array, { reason, places }: FilteredPlaces): void {
  const code = 1 + REASONS.indexOf(reason);
  for (const place of places) if (reasons[place] === 0) reasons[place] = code;
}

function byReason(places: Uint32Array, reasons: Uint8Array): readonly FilteredPlaces[] {
  return REASONS.flatMap((reason, at) => {
    const those = places.filter((place) => reasons[place] === 1 + at);
    return those.length === 0 ? [] : [{ reason, places: those }];
  });
}
