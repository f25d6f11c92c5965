/** What some rows of a collect come to at each interface, in each direction: for the ledger. */

import type { RawFlows } from './flow-columns.ts';

export interface InterfaceSum {
  /** Lower 16 bits of the interface index. */
  readonly iface: number;
  readonly direction: 'ingress' | 'egress';
  readonly bytes: number;
  readonly packets: number;
}

const directions = ['ingress', 'egress'] as const;

type InterfaceColumns = Pick<RawFlows, 'iface' | 'direction' | 'bytes' | 'packets'>;

/** Some rows of a collect by their places, kept for as long as somebody needs their sums. */
export interface InterfaceRows {
  sums(): readonly InterfaceSum[];
  sumsOf(places: Uint32Array): readonly InterfaceSum[];
  /** Of all but these. */
  sumsWithout(lists: readonly Uint32Array[]): readonly InterfaceSum[];
}

export function interfaceRows(columns: InterfaceColumns, places: Uint32Array): InterfaceRows {
  const at = <Values extends Uint8Array | Uint16Array | Float64Array>(values: Values): Values => {
    const kept = values.slice(0, places.length) as Values;
    for (let row = 0; row < places.length; row++) kept[row] = values[places[row]!]!;
    return kept;
  };
  const { iface, direction, bytes, packets } = columns;
  const kept = { iface: at(iface), direction: at(direction), bytes: at(bytes), packets: at(packets) };
  const rowOf = new Map(Array.from(places, (place, row) => [place, row]));
  const all = Uint32Array.from(places, (_, row) => row);
  return {
    sums: () => interfaceSums(kept, all),
    sumsOf: (some) =>
      interfaceSums(
        kept,
        some.map((place) => rowOf.get(place)!),
      ),
    sumsWithout(lists) {
      const without = new Set(lists.flatMap((list) => [...list]));
      return interfaceSums(
        kept,
        all.filter((row) => !without.has(places[row]!)),
      );
    },
  };
}

/** Sums are exact: integers below 2^53. */
export function interfaceSums(
  { iface, direction, bytes, packets }: InterfaceColumns,
  places: Uint32Array,
): readonly InterfaceSum[] {
  const sums = new Map<number, { bytes: number; packets: number }>();
  for (const row of places) {
    const key = iface[row]! * 2 + direction[row]!;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { bytes: bytes[row]!, packets: packets[row]! });
    else {
      sum.bytes += bytes[row]!;
      sum.packets += packets[row]!;
    }
  }
  return Array.from(sums, ([key, sum]) => ({ iface: key >> 1, direction: directions[key & 1]!, ...sum }));
}
