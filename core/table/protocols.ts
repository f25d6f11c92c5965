/** IP protocol numbers and Beyla's names for them, plus ICMPv6, which Beyla has no name for. */

import { type Dictionary, listDictionary } from './dictionary.ts';

const names: Readonly<Record<number, string>> = {
  0: 'IP',
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  8: 'EGP',
  12: 'PUP',
  17: 'UDP',
  22: 'IDP',
  29: 'TP',
  33: 'DCCP',
  41: 'IPV6',
  46: 'RSVP',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  92: 'MTP',
  94: 'BEETPH',
  98: 'ENCAP',
  103: 'PIM',
  108: 'COMP',
  115: 'L2TP',
  132: 'SCTP',
  136: 'UDPLITE',
  137: 'MPLS',
  143: 'ETHERNET',
  255: 'RAW',
};

/** By protocol number; decimal where there is no name. */
export const protocolNames: readonly string[] = Array.from(
  { length: 256 },
  (_, number) => names[number] ?? `${number}`,
);

export const protocols: Dictionary = listDictionary(protocolNames);

/** The number of a protocol by its name in any case, or of a decimal number up to 255; undefined when unknown. */
export function protocolNumber(name: string): number | undefined {
  const number = protocolNames.findIndex(
    (known, value) => known.toUpperCase() === name.toUpperCase() || `${value}` === name,
  );
  return number < 0 ? undefined : number;
}

/** DCCP and UDPLITE carry ports where TCP, UDP and SCTP do. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** By protocol number: 1 when its packets have ports. */
export const hasPorts = Uint8Array.from({ length: 256 }, (_, number) => Number(WITH_PORTS.has(number)));
