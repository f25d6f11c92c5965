/** How much memory queued tables hold: their own arrays, and each series index once, however many tables share it. */

import type { MetricTable } from '../table/metric-table.ts';
import type { SeriesIndex } from '../table/series-index.ts';

export class HeldMemory {
  readonly #indexUses = new Map<SeriesIndex, number>();
  #tableBytes = 0;

  add(tables: readonly MetricTable[]): void {
    for (const table of tables) {
      this.#tableBytes += tableBytes(table);
      this.#indexUses.set(table.series, (this.#indexUses.get(table.series) ?? 0) + 1);
    }
  }

  remove(tables: readonly MetricTable[]): void {
    for (const table of tables) {
      this.#tableBytes -= tableBytes(table);
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

const tableBytes = ({ ids, values, startCodes }: MetricTable): number =>
  ids.byteLength + values.byteLength + (startCodes?.byteLength ?? 0);
