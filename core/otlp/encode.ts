/**
 * Metric tables as bodies of ExportMetricsServiceRequest in protobuf. Tables are grouped by resource and scope, tables
 * of one metric and temporality become one Metric, empty tables are left out, and no body is larger than a limit.
 */

import type { MetricTable } from '../table/metric-table.ts';
import { isMetricTable, isResourceMetrics, type LeavingTable } from '../table/resource-metrics.ts';
import { PointArena, type PointPlaces } from './point-arena.ts';
import { type MetricGroup, measure, messagesOf, overheadBytes, type Slice, writeMessage } from './request-layout.ts';
import { resourceMetricsBodies } from './resource-metrics-bodies.ts';

/** Below the 4 MiB that a gRPC server accepts by default, decompressed; a larger request is dropped there for good. */
export const MAX_BODY_BYTES = 4_000_000;

/**
 * Encoded points are kept up to this size, or twice what the last request needed if that is more; beyond it those of
 * series that ended are most of it, and all are dropped.
 */
export const KEPT_POINT_BYTES = 16 * 1024 * 1024;

export interface RequestBody {
  /** A view into the encoder's buffer: valid until the next body is asked for. */
  readonly body: Uint8Array;
  readonly points: number;
}

export class MetricEncoder {
  readonly #arena = new PointArena();
  readonly #maxBodyBytes: number;
  #lastPointBytes = 0;

  constructor(maxBodyBytes = MAX_BODY_BYTES) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /**
   * The bodies that hold these tables, points in order, those of metrics that are no flows last. A point that is larger than a whole body is left out and told
   * to `onOversized`. One call at a time: finish the iteration before the next call.
   */
  *encode(tables: readonly LeavingTable[], onOversized: (points: number) => void): Generator<RequestBody> {
    const arena = this.#arena;
    if (arena.bytes > Math.max(KEPT_POINT_BYTES, 2 * this.#lastPointBytes)) arena.forget();
    this.#lastPointBytes = 0;

    let slices: Slice[] = [];
    let room = this.#maxBodyBytes;
    let oversized = 0;
    for (const group of groupTables(tables.filter(isMetricTable))) {
      const overhead = overheadBytes(group);
      for (const table of group.tables) {
        const places = arena.placesOf(table.series);
        let from = 0;
        while (from < table.ids.length) {
          const slice = this.#fit(group, table, places, from, room - overhead);
          if (slice.to > from) {
            slices.push(slice);
            room -= overhead + slice.bytes;
            from = slice.to;
          } else if (slices.length > 0) {
            yield this.#write(slices);
            slices = [];
            room = this.#maxBodyBytes;
          } else {
            oversized++;
            from++;
          }
        }
      }
    }
    if (slices.length > 0) yield this.#write(slices);
    if (oversized > 0) onOversized(oversized);
    yield* resourceMetricsBodies(tables.filter(isResourceMetrics), this.#maxBodyBytes, onOversized);
  }

  /** As many points from `from` on as fit into `room` bytes; encodes those of series seen for the first time. */
  #fit(group: MetricGroup, table: MetricTable, places: PointPlaces, from: number, room: number): Slice {
    const { ids, series } = table;
    const lengths = places.lengths;
    let to = from;
    let bytes = 0;
    for (; to < ids.length; to++) {
      const id = ids[to]!;
      const length = lengths[id] || this.#arena.append(series, places, id);
      if (bytes + length > room) break;
      bytes += length;
    }
    this.#lastPointBytes += bytes;
    return { group, table, places, from, to, bytes };
  }

  #write(slices: readonly Slice[]): RequestBody {
    const resources = messagesOf(slices);
    const length = resources.reduce((sum, message) => sum + measure(message), 0);
    const start = this.#arena.reserve(length);
    const { buffer } = this.#arena;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    let at = start;
    for (const message of resources) at = writeMessage(buffer, view, at, message);
    return {
      body: buffer.subarray(start, at),
      points: slices.reduce((sum, slice) => sum + slice.to - slice.from, 0),
    };
  }
}

/** In the order in which resources, scopes and metrics come first. */
export function groupTables(tables: readonly MetricTable[]): readonly MetricGroup[] {
  const groups: MetricGroup[] = [];
  for (const table of tables) {
    if (table.ids.length === 0) continue;
    const { resource, scope, metric, temporality } = table;
    const known = groups.find(
      (group) =>
        group.resource === resource &&
        group.scope === scope &&
        group.metric === metric &&
        group.temporality === temporality,
    );
    if (known === undefined) groups.push({ resource, scope, metric, temporality, tables: [table] });
    else known.tables.push(table);
  }
  const resources = [...new Set(groups.map((group) => group.resource))];
  const scopes = [...new Set(groups.map((group) => group.scope))];
  const rank = (group: MetricGroup) => resources.indexOf(group.resource) * scopes.length + scopes.indexOf(group.scope);
  return groups.sort((a, b) => rank(a) - rank(b));
}
