/**
 * The flows of one time window: columns of codes and two measures. Immutable: processors make new tables that share
 * the columns they did not change. Two rows may describe the same flow (two CPUs may open two slots for one key);
 * whoever groups adds them up.
 */

import type { AttributeColumn, CodeArray } from './dictionary.ts';
import type { EndpointDimension } from './dimension.ts';
import type { Feature } from './metrics.ts';
import type { Resource, Scope, TimeWindow } from './resource.ts';

/** `metric_names` of the receiver: which preset's names leave, in the catalogue's spelling. */
export type NamingPreset = 'beyla' | 'obi' | 'otel';

export interface FlowTable {
  readonly kind: 'flows';
  readonly rows: number;
  readonly window: TimeWindow;
  readonly resource: Resource;
  readonly scope: Scope;
  /** At least one; with several every metric leaves once under each preset. */
  readonly metricNames: readonly NamingPreset[];
  /** Which metrics are to be made of it; absent or empty: all. */
  readonly features?: readonly Feature[];
  /** Each packet was counted at every interface that it crossed, so the interface tells the counts apart. */
  readonly everyInterface?: boolean;
  /** There may be flows of packets that carry a tunnel, so `tunnel` tells these from others. */
  readonly carriers?: boolean;
  /** Another agent counted it, perhaps on another node: what is said of this one's place is not true of it. */
  readonly received?: boolean;
  readonly ends: FlowEnds;
  /** By attribute name of the catalogue; what is not here, nothing in the pipeline fills. */
  readonly columns: ReadonlyMap<string, AttributeColumn>;
  readonly measures: FlowMeasures;
  /** Which rows of the receiver's table of this window these are; absent: all of them, in order. */
  readonly places?: Uint32Array;
}

/** The two ends of each row: endpoints of a dimension. */
export interface FlowEnds {
  readonly endpoints: EndpointDimension;
  /** One endpoint a row. */
  readonly src: CodeArray;
  readonly dst: CodeArray;
}

/** Integers below 2^53. */
export interface FlowMeasures {
  readonly bytes: Float64Array;
  readonly packets: Float64Array;
}
