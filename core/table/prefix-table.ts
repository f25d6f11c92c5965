/**
 * Finds the longest of many prefixes that an address lies in. A trie of 4-bit steps whose values are pushed down to the
 * leaves (controlled prefix expansion: Srinivasan and Varghese, "Faster IP Lookups", 1998), with the first 16 bits of
 * each family looked up in one step: a node is one cache line, and an IPv4 look-up reads at most five entries.
 */

import { isIPv4 } from './address.ts';
import type { Prefix } from './prefix.ts';

const ROOT_BITS = 16;
const ROOT_ENTRIES = 1 << ROOT_BITS;
const STEP_BITS = 4;
const NODE_ENTRIES = 1 << STEP_BITS;
/** Roots of IPv4, then IPv6: 0.0.0.0/0 has no IPv6 address in it, and ::/0 no IPv4 address. */
const ROOTS = 2 * ROOT_ENTRIES;
const IPV4_OFFSET_BITS = 96;

export interface PrefixTable {
  /** Place in the list of the longest prefix that holds the 16 bytes at the offset; -1 when none does. */
  find(bytes: Uint8Array, offset: number): number;
  /** Memory that it holds. */
  readonly bytes: number;
}

/** Of two equal prefixes the later one wins. */
export function createPrefixTable(prefixes: readonly Prefix[]): PrefixTable {
  // A negative entry is a leaf: the complement of a place + 1, or of 0 for none. Others are where the next node begins.
  let entries = new Int32Array(ROOTS).fill(~0);
  let used = ROOTS;

  function addNode(leaf: number): number {
    if (used + NODE_ENTRIES > entries.length) {
      const grown = new Int32Array(entries.length * 2);
      grown.set(entries);
      entries = grown;
    }
    const node = used;
    used += NODE_ENTRIES;
    entries.fill(leaf, node, used);
    return node;
  }

  // Shorter ones first: what a prefix overwrites is then less specific, and has no nodes below it.
  const order = prefixes.map((_, place) => place).sort((a, b) => prefixes[a]!.length - prefixes[b]!.length);
  for (const place of order) {
    const { bytes, length } = prefixes[place]!;
    const mapped = length >= IPV4_OFFSET_BITS && isIPv4(bytes, 0);
    let at = mapped ? IPV4_OFFSET_BITS : 0;
    let base = mapped ? 0 : ROOT_ENTRIES;
    let bits = ROOT_BITS;
    while (length > at + bits) {
      const entry = base + bitsAt(bytes, at, bits);
      if (entries[entry]! < 0) {
        const node = addNode(entries[entry]!); // may replace `entries`
        entries[entry] = node;
      }
      base = entries[entry]!;
      at += bits;
      bits = STEP_BITS;
    }
    const first = base + bitsAt(bytes, at, bits);
    entries.fill(~(place + 1), first, first + (1 << (at + bits - length)));
  }
  const table = entries.slice(0, used);

  return {
    bytes: table.byteLength,
    find(bytes, offset) {
      const ipv4 = isIPv4(bytes, offset);
      let at = ipv4 ? offset + 12 : offset;
      let entry = table[(ipv4 ? 0 : ROOT_ENTRIES) + ((bytes[at]! << 8) | bytes[at + 1]!)]!;
      at += 2;
      while (entry >= 0) {
        const byte = bytes[at++]!;
        entry = table[entry + (byte >> STEP_BITS)]!;
        if (entry >= 0) entry = table[entry + (byte & (NODE_ENTRIES - 1))]!;
      }
      return ~entry - 1;
    },
  };
}

/** A whole number of bits, 16 at a byte's begin or 4 at half a byte's. */
function bitsAt(bytes: Uint8Array, at: number, bits: number): number {
  const byte = at >> 3;
  if (bits === ROOT_BITS) return (bytes[byte]! << 8) | bytes[byte + 1]!;
  return at % 8 === 0 ? bytes[byte]! >> STEP_BITS : bytes[byte]! & (NODE_ENTRIES - 1);
}
