/**
 * How much memory queued tables hold: their own arrays, each series index once, however many tables share it, and the
 * bytes of metrics that are no flows.
 */

import type { LeavingTable } from '../table/resource-metrics.ts';
import type { SeriesIndex } from '../table/series-index.ts';

export class HeldMemory {
  readonly #indexUses = new Map<SeriesIndex, number>();
  #tableBytes = 0;

  add(tables: readonly LeavingTable[]): void {
    for (const table of tables) {
      this.#tableBytes += tableBytes(table);
      if (table.kind === 'resource_metrics') continue;
      this.#indexUses.set(table.series, (this.#indexUses.get(table.series) ?? 0) + 1);
    }
  }

  remove(tables: readonly LeavingTable[]): void {
    for (const table of tables) {
      this.#tableBytes -= tableBytes(table);
      if (table.kind === 'resource_metrics') continue;
      const uses = this.#indexUses.get(table.series)! - 1;
      if (uses === 0) this.#indexUses.delete(table.series);
      else this.#indexUses.set(table.series, uses);
    }
  }

  /** An index may grow while tables that use it wait, so it is looked at anew each time. */
  get bytes(): number {
    let bytes = this.#tableBytes;
    for (const index of this.#indexUses.keys()) bytes += index.bytes;
    return bytes;
  }
}

/** What a table of metrics that are no flows takes beside its bytes: itself, and the attributes that were read. */
const RESOURCE_METRICS_BYTES = 1000;

function tableBytes(table: LeavingTable): number {
  if (table.kind === 'resource_metrics') {
    return table.content.byteLength + (table.resource?.byteLength ?? 0) + RESOURCE_METRICS_BYTES;
  }
  const { ids, values, startCodes } = table;
  return ids.byteLength + values.byteLength + (startCodes?.byteLength ?? 0);
}
