/**
 * Nanoseconds an address of the longest-prefix look-up, over 8,000 ranges, beside the same ranges tried from the longest
 * length to the shortest in a Map for each length. Random addresses, half of them in a range.
 */

import { ADDRESS_BYTES, addressText, parseAddress } from '../core/table/address.ts';
import type { Prefix } from '../core/table/prefix.ts';
import { createPrefixTable } from '../core/table/prefix-table.ts';
import { randomNumbers } from './tools/random-numbers.ts';

const PREFIXES = 8000;
const ADDRESSES = 1 << 16;
const ROUNDS = 9;

const random = randomNumbers(42);

const mask = (byte: number, at: number, length: number) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * at)));

/** Lengths as they are in use: mostly /24 and /16 to /28 of IPv4, /48 and /64 of IPv6 below a few /32. */
function randomPrefix(ipv4: boolean): Prefix {
  const address = randomAddress(ipv4);
  const length = ipv4 ? 96 + [24, 24, 24, 16, 20, 22, 26, 28][random(8)]! : [48, 56, 64, 64][random(4)]!;
  return { text: '', bytes: address.map((byte, at) => mask(byte, at, length)), length };
}

function randomAddress(ipv4: boolean): Uint8Array {
  const bytes = Uint8Array.from({ length: ADDRESS_BYTES }, () => random(256));
  if (ipv4) bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
  else bytes.set(parseAddress(['2001:db8::', '2a00:1450::', 'fd12:3456::', '2600:1f18::'][random(4)]!)!.subarray(0, 4));
  return bytes;
}

function addressesFor(prefixes: readonly Prefix[], ipv4: boolean): Uint8Array {
  const all = new Uint8Array(ADDRESSES * ADDRESS_BYTES);
  for (let a = 0; a < ADDRESSES; a++) {
    const address = randomAddress(ipv4);
    const { bytes, length } = prefixes[random(prefixes.length)]!;
    const inside = address.map((byte, at) => bytes[at]! | (byte & ~mask(0xff, at, length)));
    all.set(random(2) === 0 ? inside : address, a * ADDRESS_BYTES);
  }
  return all;
}

function mapsByLength(prefixes: readonly Prefix[]) {
  const maps = new Map<number, Map<string, number>>();
  for (const [place, { bytes, length }] of prefixes.entries()) {
    if (!maps.has(length)) maps.set(length, new Map());
    maps.get(length)!.set(addressText(bytes, 0), place);
  }
  const sorted = [...maps].sort(([a], [b]) => b - a);
  const key = new Uint8Array(ADDRESS_BYTES);
  return (bytes: Uint8Array, offset: number) => {
    for (const [length, places] of sorted) {
      for (let at = 0; at < ADDRESS_BYTES; at++) key[at] = mask(bytes[offset + at]!, at, length);
      const found = places.get(addressText(key, 0));
      if (found !== undefined) return found;
    }
    return -1;
  };
}

/** Least of the rounds, with the sum of what was found, which is the same for every way to look. */
function measure(find: (bytes: Uint8Array, offset: number) => number, addresses: Uint8Array, rounds: number) {
  let nanoseconds = Infinity;
  let found = 0;
  for (let round = 0; round < rounds; round++) {
    found = 0;
    const start = performance.now();
    for (let offset = 0; offset < addresses.length; offset += ADDRESS_BYTES) found += find(addresses, offset);
    nanoseconds = Math.min(nanoseconds, ((performance.now() - start) * 1e6) / ADDRESSES);
  }
  return { nanoseconds, found };
}

for (const ipv4 of [true, false]) {
  const prefixes = Array.from({ length: PREFIXES }, () => randomPrefix(ipv4));
  const addresses = addressesFor(prefixes, ipv4);
  const start = performance.now();
  const table = createPrefixTable(prefixes);
  const buildMs = performance.now() - start;
  const trie = measure(table.find, addresses, ROUNDS);
  const maps = measure(mapsByLength(prefixes), addresses, 2);
  if (trie.found !== maps.found) throw new Error('the two ways find different ranges');
  process.stdout.write(
    `${ipv4 ? 'IPv4' : 'IPv6'}, ${PREFIXES.toLocaleString('en')} ranges: ${trie.nanoseconds.toFixed(1)} ns an address, ` +
      `Maps by length ${maps.nanoseconds.toFixed(0)} ns, ratio ${(maps.nanoseconds / trie.nanoseconds).toFixed(0)}; ` +
      `built in ${buildMs.toFixed(1)} ms, ${(table.bytes / 1024).toFixed(0)} KiB\n`,
  );
}
