/** Ethernet frames made by hand, for what the stack would not send. Checksums are left at zero: nothing reads them. */

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_8021Q = 0x8100;
export const ETHERTYPE_8021AD = 0x88a8;
const ETHERNET_BYTES = 14;

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** 16-bit numbers in network byte order. */
export function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(values.flatMap((value) => [value >> 8, value & 0xff]));
}

export function ethernet(etherType: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(ETHERNET_BYTES);
  header.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, etherType >> 8, etherType & 0xff]);
  return concatBytes(header, payload);
}

/** Puts a tag before the Ethernet type of a frame. */
export function tagged(etherType: number, vlan: number, frame: Uint8Array): Uint8Array {
  return concatBytes(frame.subarray(0, 12), words(etherType, vlan), frame.subarray(12));
}

export interface Ipv4 {
  readonly src: string;
  readonly dst: string;
  readonly protocol: number;
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** What fragments of one datagram have in common; default 1. */
  readonly id?: number;
}

export function ipv4(fields: Ipv4, payload: Uint8Array): Uint8Array {
  const options = fields.options ?? new Uint8Array();
  const headerBytes = 20 + options.length;
  const fragment = (fields.fragmentOffset ?? 0) | (fields.moreFragments ? 0x2000 : 0);
  return concatBytes(
    new Uint8Array([0x40 | (headerBytes / 4), 0]),
    words(headerBytes + payload.length, fields.id ?? 1, fragment),
    new Uint8Array([64, fields.protocol, 0, 0]),
    ipv4Address(fields.src),
    ipv4Address(fields.dst),
    options,
    payload,
  );
}

/** `src` and `dst` as 16 bytes; `next` is the first next-header, `payload` starts with its header. */
export function ipv6(src: Uint8Array, dst: Uint8Array, next: number, payload: Uint8Array): Uint8Array {
  const header = concatBytes(new Uint8Array([0x60, 0, 0, 0]), words(payload.length), new Uint8Array([next, 64]));
  return concatBytes(header, src, dst, payload);
}

export function ipv4Address(text: string): Uint8Array {
  return new Uint8Array(text.split('.').map(Number));
}

/** ::ffff:a.b.c.d, as flow keys and the endpoint list have it. */
export function mappedAddress(text: string): Uint8Array {
  return concatBytes(new Uint8Array(10), new Uint8Array([0xff, 0xff]), ipv4Address(text));
}

export function udp(srcPort: number, dstPort: number, payload: Uint8Array): Uint8Array {
  return concatBytes(words(srcPort, dstPort, 8 + payload.length, 0), payload);
}

/** `options`: bytes of TCP options, a multiple of 4. */
export function tcp(srcPort: number, dstPort: number, flags: number, payload: Uint8Array, options = 0): Uint8Array {
  const header = concatBytes(
    words(srcPort, dstPort),
    new Uint8Array(8),
    new Uint8Array([(5 + options / 4) << 4, flags]),
  );
  return concatBytes(header, new Uint8Array(6 + options), payload);
}

export interface PortPair {
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly payloadBytes: number;
}

export function udpFrame({ src, dst, srcPort, dstPort, payloadBytes }: PortPair): Uint8Array {
  const datagram = udp(srcPort, dstPort, new Uint8Array(payloadBytes));
  return ethernet(ETHERTYPE_IPV4, ipv4({ src, dst, protocol: 17 }, datagram));
}

/** `chunks`: whatever follows the common header. */
export function sctp(srcPort: number, dstPort: number, chunks: Uint8Array): Uint8Array {
  return concatBytes(words(srcPort, dstPort), new Uint8Array(8), chunks);
}

/** A fragment header; `offset` in units of 8 bytes. */
export function ipv6Fragment(next: number, offset: number, more: boolean, id: number, payload: Uint8Array): Uint8Array {
  const place = words((offset << 3) | (more ? 1 : 0), id >>> 16, id & 0xffff);
  return concatBytes(new Uint8Array([next, 0]), place, payload);
}

/** An ACK with payload. */
export function tcpFrame({ src, dst, srcPort, dstPort, payloadBytes }: PortPair): Uint8Array {
  const segment = tcp(srcPort, dstPort, 0x10, new Uint8Array(payloadBytes));
  return ethernet(ETHERTYPE_IPV4, ipv4({ src, dst, protocol: 6 }, segment));
}
