/** The one series that takes the points of those that have no place, so that the total of a metric stays exact. */

import { listDictionary } from './dictionary.ts';
import type { MetricTable } from './metric-table.ts';
import { SeriesIndex } from './series-index.ts';

/** OpenTelemetry's name for the series that takes what goes past a cardinality limit. */
const index = new SeriesIndex([{ name: 'otel.metric.overflow', dictionary: listDictionary([true]) }]);
const ids = Uint32Array.of(index.intern([0]));

export class OverflowSeries {
  #sum = 0;
  #startNs: bigint | undefined;
  #lastNs = 0n;

  /** True while it has a sum. */
  get live(): boolean {
    return this.#startNs !== undefined;
  }

  /** A sum that would leave the exact integers starts anew, as a counter that was reset. */
  add(value: number, startNs: bigint, endNs: bigint): void {
    if (this.#startNs === undefined || this.#sum + value > Number.MAX_SAFE_INTEGER) {
      this.#startNs = startNs;
      this.#sum = 0;
    }
    this.#sum += value;
    this.#lastNs = endNs;
  }

  expire(beforeNs: bigint): void {
    if (this.#lastNs < beforeNs) this.#startNs = undefined;
  }

  /** Its point, as a table beside this one. */
  tableBeside({ startCodes: _, ...table }: MetricTable): MetricTable[] {
    if (this.#startNs === undefined) return [];
    const point = { series: index, ids, values: Float64Array.of(this.#sum), starts: [this.#startNs] };
    return [{ ...table, ...point, temporality: 'cumulative' }];
  }
}
