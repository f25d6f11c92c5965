/** What an exporter brings to the sending queue: how tables become payloads, and how one payload is sent. */

import type { LeavingTable } from '../table/resource-metrics.ts';

export interface Payload {
  readonly body: Uint8Array;
  readonly points: number;
  /** Which of its places the transport sends it to, where it has several, such as files. */
  readonly to?: string;
}

/**
 * The payloads of one request, in order. The queue asks for the next one when the last was accepted or given up, so a
 * body may be a view into a buffer that the encoder uses again. Points that fit into no payload go to `onOversized`.
 */
export type PayloadEncoder = (
  tables: readonly LeavingTable[],
  onOversized: (points: number) => void,
) => AsyncIterable<Payload>;

export type Delivery =
  /** `rejectedPoints` were refused by the server inside an accepted request: never sent again. */
  | { readonly outcome: 'accepted'; readonly rejectedPoints: number; readonly message: string }
  /** `throttleMs`: the server asked to wait at least this long. */
  | { readonly outcome: 'retryable'; readonly error: string; readonly throttleMs?: number }
  | { readonly outcome: 'permanent'; readonly error: string };

export interface Transport {
  start?(): Promise<void>;
  /** Safe before start and when called twice. */
  stop?(): Promise<void>;
  /** One attempt. Ends soon after the signal aborts; a rejection counts as retryable. */
  send(payload: Payload, signal: AbortSignal): Promise<Delivery>;
}
