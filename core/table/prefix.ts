/** Address ranges as prefixes (`10.0.0.0/8`), read from text with a reason for each that is refused. */

import { ADDRESS_BYTES, addressText, parseAddress } from './address.ts';

export interface Prefix {
  /** As it was written. */
  readonly text: string;
  /** 16 bytes, IPv4 mapped; zero behind the prefix. */
  readonly bytes: Uint8Array;
  /** Of the 128 bits, so an IPv4 /8 has 104. */
  readonly length: number;
}

/** Why a text is no prefix, and what to write in its place. */
export interface PrefixProblem {
  readonly message: string;
  readonly fix: string;
}

const IPV4_OFFSET_BITS = 96;

/** Reads `10.0.0.0/8` or `2001:db8::/32`. Bits behind the prefix are refused: they are a slip of the hand. */
export function parsePrefix(text: string): Prefix | PrefixProblem {
  const [, address = '', digits] = /^(.*?)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = parseAddress(address);
  const message = `invalid CIDR address: ${text}`;
  if (bytes === undefined)
    return { message, fix: 'write an address and a length, such as 10.0.0.0/8 or 2001:db8::/32' };
  const dotted = !address.includes(':');
  const most = dotted ? 32 : 128;
  if (digits === undefined) return { message, fix: `add the length: ${text}/${most} for this one address` };
  if (Number(digits) > most) return { message, fix: `the length of an IPv${dotted ? 4 : 6} range is 0 to ${most}` };
  const length = Number(digits) + (dotted ? IPV4_OFFSET_BITS : 0);
  const masked = maskedBytes(bytes, length);
  if (bytes.some((byte, at) => byte !== masked[at])) {
    const fix = `write ${addressText(masked, 0)}/${digits} for the range, or ${address}/${most} for this one address`;
    return { message: `${message}: bits are set behind the prefix`, fix };
  }
  return { text, bytes, length };
}

/** Equal exactly for the same range, however it was written. */
export const prefixKey = ({ bytes, length }: Prefix): string => `${addressText(bytes, 0)}/${length}`;

function maskedBytes(bytes: Uint8Array, length: number): Uint8Array {
  const masked = new Uint8Array(ADDRESS_BYTES);
  for (let at = 0; at < ADDRESS_BYTES; at++) {
    const bits = Math.min(8, Math.max(0, length - 8 * at));
    masked[at] = bytes[at]! & (0xff00 >> bits);
  }
  return masked;
}
