/**
 * Metrics that are no flows, of one resource, as they came: what they say of the resource is read, all else is kept as the
 * bytes of the protobuf message that it stood in. Immutable.
 */

import type { AttributeValue } from './dictionary.ts';
import type { MetricTable } from './metric-table.ts';

export interface ResourceMetricsTable {
  readonly kind: 'resource_metrics';
  /** Of the resource, the first of each name; undefined: a list, a map or bytes, which are not read. */
  readonly attributes: ReadonlyMap<string, AttributeValue | undefined>;
  /** The message Resource; undefined where there was none. */
  readonly resource: Uint8Array | undefined;
  /** The fields of ResourceMetrics beside `resource`: scopes with their metrics, and what this build does not know. */
  readonly content: Uint8Array;
  readonly metrics: number;
  /** Data points of any kind. */
  readonly points: number;
  /** Address at the other end of the connection that it came by; undefined where there was none, as of a file. */
  readonly sender: string | undefined;
}

/** What leaves the pipelines. */
export type LeavingTable = MetricTable | ResourceMetricsTable;

export const isMetricTable = (table: LeavingTable): table is MetricTable => table.kind === 'metric';
export const isResourceMetrics = (table: LeavingTable): table is ResourceMetricsTable =>
  table.kind === 'resource_metrics';

export const pointsIn = (table: LeavingTable): number => (table.kind === 'metric' ? table.ids.length : table.points);

/** Points of all of them. */
export const pointsOfAll = (tables: readonly LeavingTable[]): number =>
  tables.reduce((sum, table) => sum + pointsIn(table), 0);

/** One attribute of the resource; undefined where it has none of that name, or one that is not read. */
export const resourceAttribute = (table: LeavingTable, name: string): AttributeValue | undefined =>
  table.kind === 'metric' ? table.resource.attributes[name] : table.attributes.get(name);
