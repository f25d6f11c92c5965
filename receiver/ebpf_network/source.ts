/** Which source of packets runs, and why: the one that was asked for, or with `auto` the first that can attach. */

import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { HookKind, PacketSource } from '../../native/index.ts';
import type { EbpfNetworkConfig } from './config.ts';

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
