/** The places for series under one limit, shared by every metric and sender. */

/** The series of one metric of one sender. */
export interface PlaceHolder {
  /** How many of them have a place. */
  readonly live: number;
  /** Gives up the place of the one that is least. */
  giveUpSmallest(): void;
}

export interface Places {
  readonly limit: number;
  taken: number;
  /** Points that found none. */
  refused: number;
  /** Series that lost theirs to another one. */
  displaced: number;
  /** Those who have places, or want some. */
  readonly holders: Set<PlaceHolder>;
}

export function withMostPlaces({ holders }: Places): PlaceHolder | undefined {
  let most: PlaceHolder | undefined;
  for (const holder of holders) if (most === undefined || holder.live > most.live) most = holder;
  return most;
}
