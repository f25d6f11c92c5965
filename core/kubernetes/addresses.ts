/** Addresses as Kubernetes writes them, in the one spelling by which they are found again. */

import { addressText, parseAddress } from '../table/address.ts';

/** Most addresses: already as they are found again. */
const PLAIN_IPV4 = /^(?:[1-9]\d{0,2}|0)(?:\.(?:[1-9]\d{0,2}|0)){3}$/;

/** Undefined for what is no address, such as the host name of a load balancer. */
export function canonicalAddress(text: string): string | undefined {
  if (PLAIN_IPV4.test(text)) return text;
  const bytes = parseAddress(text);
  return bytes === undefined ? undefined : addressText(bytes, 0);
}

/** The canonical spelling of 16 bytes or of a text. */
export const addressKey = (address: string | Uint8Array): string | undefined =>
  typeof address === 'string' ? canonicalAddress(address) : addressText(address, 0);

/** Those of a list that are addresses, each once. */
export function canonicalAddresses(texts: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const text of texts) {
    const address = canonicalAddress(text);
    if (address !== undefined) found.add(address);
  }
  return found.size === 0 ? NONE : [...found];
}

const NONE: readonly string[] = Object.freeze([]);
