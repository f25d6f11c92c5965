/** The network namespaces that are counted in, their interfaces and tunnels, and the watch over both. */

import type { Logger } from '../../core/telemetry/log.ts';
import {
  type InterfaceWatch,
  type ListedTunnels,
  type NetworkInterface,
  type NetworkNamespace,
  needForOption,
} from '../../native/index.ts';
import type { EbpfNetworkConfig } from './config.ts';
import { followNamespaces, type Namespaces } from './namespaces.ts';

/** What it takes from the host. */
export interface SpaceSource {
  listInterfaces(namespaces?: readonly NetworkNamespace[]): readonly NetworkInterface[];
  listTunnels(namespaces?: readonly NetworkNamespace[]): ListedTunnels;
  watchInterfaces(onChange: (gone: Iterable<number>) => void, namespace?: NetworkNamespace): InterfaceWatch;
  pollInterfaces(periodMs: number, onChange: () => void): InterfaceWatch;
}

/** Where `ip netns` and container runtimes keep the names. */
const NAMESPACES_FOLDER = '/var/run/netns';

export function pollInterfaces(periodMs: number, onChange: () => void): InterfaceWatch {
  const timer = setInterval(onChange, periodMs).unref();
  return { close: () => clearInterval(timer) };
}

/** Throws what keeps it from looking. */
export function watchSpaces(
  config: EbpfNetworkConfig,
  source: SpaceSource,
  logger: Logger,
  look: (gone: Iterable<number>) => void,
) {
  const poll = config.listen_interfaces === 'poll';
  const own = poll ? source.pollInterfaces(config.listen_poll_period, () => look([])) : source.watchInterfaces(look);
  let namespaces: Namespaces | undefined;
  try {
    if (config.netns === 'all') {
      needForOption('netns: all');
      namespaces = followNamespaces({
        folder: NAMESPACES_FOLDER,
        logger,
        onChange: look,
        listInterfaces: source.listInterfaces,
        // Its interfaces are looked at with all others.
        watchInterfaces: poll ? () => ({ close: () => {} }) : source.watchInterfaces,
      });
    }
  } catch (error) {
    own.close();
    throw error;
  }
  return {
    listInterfaces: () => source.listInterfaces(namespaces?.current() ?? []),
    listTunnels: () => source.listTunnels(namespaces?.current() ?? []),
    close() {
      own.close();
      namespaces?.close();
    },
  };
}
