/**
 * Which source of packets runs, and why: the one that was asked for, or with `auto` the first that can attach; and what
 * the log says of it and of what is counted.
 */

import type { Host } from '../../core/component/define.ts';
import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { HookKind, KernelTable, NetworkInterface, PacketSource } from '../../native/index.ts';
import type { EbpfNetworkConfig } from './config.ts';
import type { InterfaceSelection } from './interfaces.ts';

/** `count` starts to count with a source, or rejects and leaves nothing behind. */
export async function firstThatAttaches<Counting>(
  source: EbpfNetworkConfig['source'],
  count: (source: PacketSource) => Promise<Counting>,
  logger: Logger,
): Promise<Counting> {
  if (source !== 'auto') return await count(source);
  try {
    return await count('tc');
  } catch (error) {
    // Anything else, such as an interface that went away, would stop the socket as well.
    if (!(error instanceof WeirError && error.code.startsWith('kernel/'))) throw error;
    logger.warn('tc cannot attach: counting with a packet socket, which costs more for each packet.', { error });
    return await count('socket_filter');
  }
}

export function sourceReason(
  config: Pick<EbpfNetworkConfig, 'source' | 'traffic_control_backend'>,
  hookKind: HookKind,
): string {
  if (hookKind === 'socket_filter') return config.source === 'auto' ? 'tc cannot attach' : 'it is configured';
  if (config.traffic_control_backend !== 'auto') return 'it is configured';
  return hookKind === 'tcx' ? 'the kernel has tcx' : 'the kernel has no tcx';
}

/** Says what is counted, by which source and why, and what is not. */
export function sayWhatIsCounted(
  config: EbpfNetworkConfig,
  { logger }: Host,
  { hookKind }: KernelTable,
  { attachments, unreadable }: InterfaceSelection,
  agentAddress: string | undefined,
  whyNothing: () => WeirError,
): void {
  const namesOf = (interfaces: readonly NetworkInterface[]) => interfaces.map(({ name }) => name);
  if (unreadable.length > 0) {
    const ofUnknownType = unreadable.map(({ name, linkType }) => `${name} (${linkType})`);
    logger.warn('Not counting on interfaces of an unknown link type.', { interfaces: ofUnknownType });
  }
  const interfaces = namesOf(attachments.map(({ iface }) => iface));
  if (config.deduper_fc_ttl > 0) {
    logger.info('deduper_fc_ttl decides nothing: counting each packet once needs no cache.');
  }
  const sources = { tcx: 'tc with tcx', tc: 'tc with clsact', socket_filter: 'socket_filter' } as const;
  logger.info('Counting on interfaces.', {
    source: sources[hookKind],
    because: sourceReason(config, hookKind),
    interfaces,
    'beyla.ip': agentAddress,
  });
  if (interfaces.length === 0) {
    logger.warn('Nothing is counted until an interface comes that fits.', { reason: whyNothing() });
  }
}
