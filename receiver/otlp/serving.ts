/** What the servers of both protocols have in common. */

import { isIP } from 'node:net';
import type { ListenAddress } from '../../core/network/listen.ts';

export interface RunningServer {
  readonly protocol: 'gRPC' | 'HTTP';
  readonly address: ListenAddress;
  /** Gives the port that is listened on. */
  start(): Promise<number>;
  stop(): Promise<void>;
}

/** When a sender that found no room is asked to come back. It may take longer: its own waits grow. */
export const RETRY_DELAY_MS = 1000;

/** The address of a sender as others write it: that of IPv4 without the prefix of a socket of both families. */
export function senderOf(remote: string | undefined): string | undefined {
  const address = remote?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '') ?? '';
  return isIP(address) === 0 ? undefined : address;
}
