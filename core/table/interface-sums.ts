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

/** Sums are exact: integers below 2^53. */
export function interfaceSums(
  { iface, direction, bytes, packets }: Pick<RawFlows, 'iface' | 'direction' | 'bytes' | 'packets'>,
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
