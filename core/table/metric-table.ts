/**
 * One metric ready to send: a descriptor, and points that name their series. What `attribute_select` makes and
 * exporters write. Immutable; tables of one window may share their series index.
 */

import type { Resource, Scope } from './resource.ts';
import type { SeriesIndex } from './series-index.ts';

export type Temporality = 'delta' | 'cumulative';

/** A monotonic sum of integers. Compared by object identity where tables of one metric are put together. */
export interface MetricDescriptor {
  readonly name: string;
  readonly description: string;
  /** UCUM: `By`, `{packet}`. */
  readonly unit: string;
}

export interface MetricTable {
  readonly kind: 'metric';
  readonly metric: MetricDescriptor;
  readonly temporality: Temporality;
  readonly resource: Resource;
  readonly scope: Scope;
  readonly series: SeriesIndex;
  /** One series id a point; no id twice in a table. */
  readonly ids: Uint32Array;
  /** One value a point: an integer of at most 2^53, exact. */
  readonly values: Float64Array;
  readonly endNs: bigint;
  /** Start times in use. Few, so they are coded: `startCodes` is one index a point; absent, every point has starts[0]. */
  readonly starts: readonly bigint[];
  readonly startCodes?: Uint32Array;
}
