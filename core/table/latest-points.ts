/**
 * The latest point of each series among cumulative tables: kept in arrays by series id. What a series had reached before it
 * was reset is kept beside, so that nothing it has counted is lost.
 */

import type { MetricTable } from './metric-table.ts';

/** In place of a start code: the series has no point here. */
const NO_POINT = 0xffffffff;

/** Of tables of one metric, sender and series index. */
class LatestOfMetric {
  #last: MetricTable;
  #values = new Float64Array(0);
  #startCodes = new Uint32Array(0);
  readonly #starts: bigint[] = [];
  readonly #codeOfStart = new Map<bigint, number>();
  /** Points of series that have a new start since then, with the time of the last table that they stood in. */
  readonly #ended: { readonly id: number; readonly value: number; readonly startNs: bigint; readonly endNs: bigint }[] =
    [];

  constructor(table: MetricTable) {
    this.#last = table;
  }

  sameMetric({ metric, resource, scope, series }: MetricTable): boolean {
    const last = this.#last;
    return last.metric === metric && last.resource === resource && last.scope === scope && last.series === series;
  }

  add(table: MetricTable): void {
    this.#reserve(table.series.size);
    const isNewer = table.endNs >= this.#last.endNs;
    const codes = table.starts.map((startNs) => this.#startCode(startNs));
    for (let point = 0; point < table.ids.length; point++) {
      const id = table.ids[point]!;
      const value = table.values[point]!;
      const code = codes[table.startCodes?.[point] ?? 0]!;
      const known = this.#startCodes[id]!;
      if (known !== NO_POINT && known !== code) {
        if (!isNewer) continue;
        this.#ended.push({ id, value: this.#values[id]!, startNs: this.#starts[known]!, endNs: this.#last.endNs });
      } else if (known === code && value < this.#values[id]!) continue;
      this.#values[id] = value;
      this.#startCodes[id] = code;
    }
    if (isNewer) this.#last = table;
  }

  /** Ended series first: each table at its own time, in order. */
  tables(): MetricTable[] {
    return [...this.#endedTables(), ...this.#latestTable()];
  }

  #latestTable(): MetricTable[] {
    const size = this.#startCodes.length;
    const ids = new Uint32Array(size);
    const values = new Float64Array(size);
    const startCodes = new Uint32Array(size);
    let points = 0;
    for (let id = 0; id < size; id++) {
      if (this.#startCodes[id] === NO_POINT) continue;
      ids[points] = id;
      values[points] = this.#values[id]!;
      startCodes[points++] = this.#startCodes[id]!;
    }
    if (points === 0) return [];
    // Copies: a table that waits in a queue must not hold the places of series without a point.
    const cut = { ids: ids.slice(0, points), values: values.slice(0, points), startCodes: startCodes.slice(0, points) };
    return [{ ...this.#last, ...cut, starts: this.#starts }];
  }

  /** A series may have been reset more than once between two tables that leave. */
  #endedTables(): MetricTable[] {
    return [...Map.groupBy(this.#ended, ({ endNs }) => endNs)].map(([endNs, points]) => ({
      ...this.#last,
      endNs,
      ids: Uint32Array.from(points, ({ id }) => id),
      values: Float64Array.from(points, ({ value }) => value),
      starts: points.map(({ startNs }) => startNs),
      startCodes: Uint32Array.from(points, (_, at) => at),
    }));
  }

  #startCode(startNs: bigint): number {
    let code = this.#codeOfStart.get(startNs);
    if (code === undefined) {
      code = this.#starts.push(startNs) - 1;
      this.#codeOfStart.set(startNs, code);
    }
    return code;
  }

  #reserve(size: number): void {
    const old = this.#startCodes.length;
    if (size <= old) return;
    const capacity = Math.max(size, 2 * old);
    const values = new Float64Array(capacity);
    values.set(this.#values);
    this.#values = values;
    const startCodes = new Uint32Array(capacity).fill(NO_POINT, old);
    startCodes.set(this.#startCodes);
    this.#startCodes = startCodes;
  }
}

export class LatestPoints {
  #metrics: LatestOfMetric[] = [];

  get empty(): boolean {
    return this.#metrics.length === 0;
  }

  /** Of cumulative tables. */
  add(table: MetricTable): void {
    let metric = this.#metrics.find((one) => one.sameMetric(table));
    if (metric === undefined) {
      metric = new LatestOfMetric(table);
      this.#metrics.push(metric);
    }
    metric.add(table);
  }

  /**
   * Gives every latest point away, at the end of the last window of its metric: nothing more came for it until then. A
   * series index that was replaced meanwhile has its tables first, at its own last time.
   */
  take(): MetricTable[] {
    const tables = this.#metrics.flatMap((metric) => metric.tables());
    this.#metrics = [];
    return tables;
  }
}
