/** What the servers of both protocols have in common. */

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
