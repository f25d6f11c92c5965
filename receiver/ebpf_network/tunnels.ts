/** Keeps the kernel table's list of tunnels what this namespace has, and says which ones it cannot know. */

import type { Logger } from '../../core/telemetry/log.ts';
import type { KernelTable, ListedTunnels } from '../../native/index.ts';

export interface TunnelFollower {
  /** Something changed: asks what there is now. */
  look(): void;
}

export interface TunnelFollowerOptions {
  readonly table: KernelTable;
  readonly listTunnels: () => ListedTunnels;
  readonly logger: Logger;
}

export function createTunnelFollower({ table, listTunnels, logger }: TunnelFollowerOptions): TunnelFollower {
  const warned = new Set<string>();
  let known = '';
  return {
    look() {
      const { tunnels, addresses, unreadable } = listTunnels();
      table.setTunnels({ tunnels, addresses });
      for (const name of unreadable) {
        if (warned.has(name)) continue;
        warned.add(name);
        logger.warn('Cannot read the port of a tunnel, whose packets are then counted as plain flows.', {
          interface: name,
          fix: 'give the process CAP_NET_ADMIN',
        });
      }
      const kinds = [...new Set(tunnels.map(({ kind }) => kind))].join();
      if (kinds !== known) logger.info('Tunnels of these kinds tell what carries one.', { kinds });
      known = kinds;
    },
  };
}
