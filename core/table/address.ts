/** Addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d, their text, and what kind of address they are. */

import { isIPv4 as isIPv4Text, isIPv6 as isIPv6Text } from 'node:net';

export const ADDRESS_BYTES = 16;

/** True for an IPv4 address, which is one mapped into IPv6 (RFC 4291, section 2.5.5.2). */
export function isIPv4(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff;
}

/** Dotted for IPv4, RFC 5952 without brackets for IPv6. */
export function addressText(bytes: Uint8Array, offset: number): string {
  if (isIPv4(bytes, offset)) {
    return `${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
  }
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[offset + 2 * i]! << 8) | bytes[offset + 2 * i + 1]!);
  const [start, length] = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best[1]) best = [start, i - start];
    start = i + 1;
  }
  return best;
}

/** The bytes of an address as text, without brackets or a zone; undefined when it is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  if (isIPv4Text(text)) {
    bytes.set([0xff, 0xff, ...text.split('.').map(Number)], 10);
    return bytes;
  }
  if (!isIPv6Text(text) || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const [first, last] = [groupsOf(head), groupsOf(tail ?? '')];
  bytes.set(first);
  bytes.set(last, ADDRESS_BYTES - last.length);
  return bytes;
}

/** The bytes of groups between colons; the last group may be dotted. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/**
 * `public`: may belong to anyone on the internet. `private`: chosen by whoever runs the network (RFC 1918, RFC 4193,
 * and RFC 6598, which clusters and carriers use alike). `local`: of one host or link, or of many hosts at once, so no
 * name server and no zone knows it (loopback, link-local, unspecified, multicast, broadcast). Other ranges of the
 * registries of special-purpose addresses (RFC 6890) count as public: what carries their packets is not the own network.
 */
export type AddressKind = 'public' | 'private' | 'local';

export function addressKind(bytes: Uint8Array, offset = 0): AddressKind {
  if (isIPv4(bytes, offset)) return kindOfIPv4(bytes[offset + 12]!, bytes[offset + 13]!);
  const first = bytes[offset]!;
  const second = bytes[offset + 1]!;
  if ((first & 0xfe) === 0xfc) return 'private';
  if (first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80)) return 'local';
  for (let i = 0; i < ADDRESS_BYTES - 1; i++) if (bytes[offset + i] !== 0) return 'public';
  return bytes[offset + 15]! <= 1 ? 'local' : 'public';
}

function kindOfIPv4(first: number, second: number): AddressKind {
  if (first === 10 || (first === 172 && (second & 0xf0) === 16)) return 'private';
  if ((first === 192 && second === 168) || (first === 100 && (second & 0xc0) === 64)) return 'private';
  // 0/8 is this host, 224/4 multicast; 240/4 is reserved but for the broadcast address.
  if (first === 0 || first === 127 || first >= 224) return 'local';
  return first === 169 && second === 254 ? 'local' : 'public';
}
