/** Keeps the kernel table's list of tunnels what the namespaces have, and says which ones it cannot know. */

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
  const list = (): ListedTunnels | undefined => {
    try {
      return listTunnels();
    } catch (error) {
      if (!warned.has('')) logger.warn('Cannot list tunnels: what carries one may count as a plain flow.', { error });
      warned.add('');
      return undefined;
    }
  };
  return {
    look() {
      const listed = list();
      if (listed === undefined) return;
      const { unreadable, ...tunnelList } = listed;
      table.setTunnels(tunnelList);
      for (const name of unreadable) {
        if (warned.has(name)) continue;
        warned.add(name);
        logger.warn('Cannot read the port of a tunnel, whose packets are then counted as plain flows.', {
          interface: name,
          fix: 'give the process CAP_NET_ADMIN',
        });
      }
      const kinds = [...new Set(tunnelList.tunnels.map(({ kind }) => kind))].join();
      if (kinds !== known) logger.info('Tunnels of these kinds tell what carries one.', { kinds });
      known = kinds;
    },
  };
}
