/** Addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d, and their text. */

export const ADDRESS_BYTES = 16;

/** True for an IPv4 address, which is one mapped into IPv6 (RFC 4291, section 2.5.5.2). */
export function isIPv4(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff;
}

/** The bytes of an address that node:net takes as one, without the zone behind `%`. */
export function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  const [address = ''] = text.split('%');
  const dotted = /[^:]*\.[^:]*$/.exec(address)?.[0];
  if (dotted !== undefined) bytes.set(dotted.split('.').map(Number), 12);
  if (dotted === address) {
    bytes.fill(0xff, 10, 12);
    return bytes;
  }
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const end = dotted === undefined ? ADDRESS_BYTES : 12;
  const [head = [], tail = []] = address
    .slice(0, address.length - (dotted?.length ?? 0))
    .replace(/(?<!:):$/, '')
    .split('::')
    .map(words);
  const put = (values: readonly number[], start: number) => {
    for (const [at, word] of values.entries()) bytes.set([word >> 8, word & 0xff], start + 2 * at);
  };
  put(head, 0);
  put(tail, end - 2 * tail.length);
  return bytes;
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
