/** Who sends: the attributes of this agent and the scope of its metrics. Compared by object identity. */

import type { AttributeValue } from './dictionary.ts';

export interface Resource {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** Nanoseconds since the Unix epoch; start included, end excluded, so that windows join without gap or overlap. */
export interface TimeWindow {
  readonly startNs: bigint;
  readonly endNs: bigint;
}
