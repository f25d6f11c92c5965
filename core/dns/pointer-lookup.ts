/**
 * Asks name servers for the name of an address (PTR), through c-ares, with servers and limits of its own. Each look-up
 * under way has a channel to itself: an answer that makes no sense fails all look-ups of its channel.
 */

import { promises as dns } from 'node:dns';
import { isIPv4, parseAddress } from '../table/address.ts';

/** `none`: the servers say that there is no name. `failed`: they said nothing usable, or nothing at all. */
export type PointerAnswer =
  | { readonly result: 'name'; readonly name: string }
  | { readonly result: 'none' | 'timeout' | 'failed' };

export interface PointerLookup {
  /** Never rejects; what is no address is `failed`. The first name of the answer, without the dot at its end. */
  lookUp(address: string): Promise<PointerAnswer>;
  /** Ends every look-up under way. */
  cancel(): void;
}

export interface PointerLookupOptions {
  /** `192.0.2.1`, `192.0.2.1:53`, `[2001:db8::1]:53`; empty: the system's, as they are now. */
  readonly servers: readonly string[];
  readonly timeoutMs: number;
}

/** The name under which the names of an address stand (RFC 1035, section 3.5, and RFC 3596, section 2.5). */
function pointerName(address: string): string {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new TypeError(`${address} is no address`);
  if (isIPv4(bytes, 0)) return `${bytes.subarray(12).toReversed().join('.')}.in-addr.arpa`;
  return `${[...Buffer.from(bytes).toString('hex')].toReversed().join('.')}.ip6.arpa`;
}

/** A datagram may be lost: each server is asked twice. */
const TRIES = 2;
/** c-ares waits twice as long in the second round. */
const WAITS = 1 + 2;

const resultOfCode: Readonly<Record<string, PointerAnswer['result'] & ('none' | 'timeout')>> = {
  ENOTFOUND: 'none',
  ENODATA: 'none',
  ETIMEOUT: 'timeout',
};

export function createPointerLookup({ servers, timeoutMs }: PointerLookupOptions): PointerLookup {
  const asked = servers.length > 0 ? servers.length : new dns.Resolver().getServers().length;
  const timeout = Math.max(1, Math.floor(timeoutMs / WAITS / Math.max(1, asked)));
  const free: dns.Resolver[] = [];
  const busy = new Set<dns.Resolver>();
  const take = () => {
    const resolver = free.pop() ?? new dns.Resolver({ timeout, tries: TRIES, maxTimeout: Math.ceil(timeoutMs) });
    if (servers.length > 0) resolver.setServers(servers);
    busy.add(resolver);
    return resolver;
  };
  const giveBack = (resolver: dns.Resolver) => {
    busy.delete(resolver);
    free.push(resolver);
  };
  return {
    async lookUp(address) {
      const resolver = take();
      try {
        const [name = ''] = await resolver.resolvePtr(pointerName(address));
        const text = name.replace(/\.$/, '');
        return text === '' ? { result: 'none' } : { result: 'name', name: text };
      } catch (error) {
        return { result: resultOfCode[(error as NodeJS.ErrnoException).code ?? ''] ?? 'failed' };
      } finally {
        giveBack(resolver);
      }
    },
    cancel() {
      for (const resolver of busy) resolver.cancel();
    },
  };
}
