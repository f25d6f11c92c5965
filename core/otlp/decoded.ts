/** What is read of a request: number points with all that says what they are. Both encodings are read into this. */

import type { AttributeValue } from '../table/dictionary.ts';

/** Values that are lists, maps or bytes are left out. */
export type DecodedAttributes = readonly (readonly [name: string, value: AttributeValue])[];

export interface DecodedPoint {
  readonly attributes: DecodedAttributes;
  /** 0: not given. */
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly value: number;
}

export interface DecodedMetric {
  readonly resource: DecodedAttributes;
  readonly scope: { readonly name: string; readonly version: string };
  readonly name: string;
  /** Of a sum; `other`: a gauge, a histogram, or a sum that does not say. */
  readonly temporality: 'delta' | 'cumulative' | 'other';
  /** None of what has no single number, which `unread` counts. */
  readonly points: readonly DecodedPoint[];
  readonly unread: number;
}

/** A metric by itself. */
export type ReadMetric = Pick<DecodedMetric, 'name' | 'temporality' | 'points' | 'unread'>;
