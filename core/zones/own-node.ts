/** The zone of this machine, for its own addresses: asked of the cloud at the start, its addresses again every minute. */

import { networkInterfaces } from 'node:os';
import { addressText, parseAddress } from '../table/address.ts';
import type { Place } from '../table/zones.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import { type Cloud, type MetadataServers, placeFromMetadata, reasonOf } from './metadata.ts';
import type { ZoneSource } from './zone-source.ts';

export interface OwnNodeOptions {
  readonly cloud: Cloud | 'auto';
  readonly servers: MetadataServers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every address of this machine. */
  readonly addresses: () => readonly string[];
}

const REFRESH_MS = 60_000;

export function addressesOfThisHost(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
}

export function zoneOfOwnNode({ cloud, servers, clock, logger, addresses }: OwnNodeOptions): ZoneSource {
  let place: Place | undefined;
  let own: ReadonlySet<string> = new Set();
  const abort = new AbortController();
  let refreshing: Promise<void> | undefined;
  let said = false;

  async function askCloud(): Promise<void> {
    try {
      place = await placeFromMetadata(cloud, servers);
      logger.info('The cloud says where this node is.', { ...place });
    } catch (error) {
      if (said) return;
      said = true;
      const message = "The cloud's metadata does not say where this node is.";
      logger[cloud === 'auto' ? 'info' : 'warn'](message, { cloud, reason: reasonOf(error) });
    }
  }

  function readAddresses(changed: (address: string) => void): void {
    const now = new Set(addresses().flatMap((text) => addressOf(text) ?? []));
    const before = own;
    own = now;
    for (const address of new Set([...before, ...now])) if (now.has(address) !== before.has(address)) changed(address);
  }

  async function refresh(changed: (address: string) => void): Promise<void> {
    while (!abort.signal.aborted) {
      await clock.sleep(REFRESH_MS, abort.signal);
      if (abort.signal.aborted) return;
      // A machine that named its cloud is in it: its metadata service may only be late.
      if (place === undefined && cloud !== 'auto') {
        await askCloud();
        if (place !== undefined) for (const address of own) changed(address);
      }
      readAddresses(changed);
      if (place === undefined && cloud === 'auto') return;
    }
  }

  return {
    placeOf(endpoints, endpoint) {
      if (place === undefined) return undefined;
      return own.has(String(endpoints.addresses.at(endpoint))) ? place : undefined;
    },
    explain: () => "the cloud's metadata, for an address of this node",
    async start({ markDirty: changed }) {
      await askCloud();
      readAddresses(changed);
      refreshing = refresh(changed);
    },
    async stop() {
      abort.abort();
      await refreshing;
    },
  };
}

/** As a dimension writes it; undefined for what is no address. */
function addressOf(text: string): string | undefined {
  const bytes = parseAddress(text);
  return bytes === undefined ? undefined : addressText(bytes, 0);
}
