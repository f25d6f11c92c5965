/**
 * Finds the series of least weight among those that have a sum: a binary heap over the weights that they had when they
 * were put in. Weights only grow, so the least of the heap is looked at again before it is believed.
 */

import type { StreamSums } from './stream-sums.ts';

export interface RankedSeries {
  readonly sums: StreamSums;
  readonly id: number;
  readonly weight: number;
}

export class SmallestSeries {
  readonly #heap: RankedSeries[] = [];

  constructor(all: readonly StreamSums[]) {
    for (const sums of all) {
      for (const id of sums.liveIds()) this.#heap.push({ sums, id, weight: sums.weight(id) });
    }
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  add(sums: StreamSums, id: number): void {
    const heap = this.#heap;
    const one = { sums, id, weight: sums.weight(id) };
    let at = heap.push(one) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.weight <= one.weight) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = one;
  }

  /** The one with the least weight; undefined when there is none. It stays in. */
  least(): RankedSeries | undefined {
    const heap = this.#heap;
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      const { sums, id } = top;
      const weight = sums.weight(id);
      if (!sums.has(id)) this.#removeTop();
      else if (weight === top.weight) return top;
      else {
        heap[0] = { sums, id, weight };
        this.#sink(0);
      }
    }
    return undefined;
  }

  #removeTop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const one = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.weight < heap[child]!.weight) child++;
      if (heap[child]!.weight >= one.weight) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = one;
  }
}
