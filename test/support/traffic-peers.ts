/** The workers that send and receive what traffic.ts sends: each is used again once its order is done. */

import { on } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { longerWhenEmulated } from './emulated.ts';
import { programOf } from './programs.ts';
import type { PeerCommand, PeerMessage, PeerOrder } from './traffic-peer.ts';

const PATIENCE_MS = longerWhenEmulated(60_000);

export interface Peer {
  /** Its port, when its socket stands. */
  ready(): Promise<number>;
  /** Resolves when the next message is of this kind; rejects when the peer failed or says nothing for long. */
  expect(kind: PeerMessage['kind']): Promise<PeerMessage>;
  tell(command: PeerCommand): void;
  /** Whether it has closed or not. */
  stop(): Promise<void>;
}

/** Workers whose order is done: to start one takes longer than most orders. */
const idle: Worker[] = [];

/** Has a worker carry out the order: one that has nothing to do, or a new one. */
export function startPeer(order: PeerOrder): Peer {
  const worker = idle.pop() ?? new Worker(programOf('test/support/traffic-peer.ts'));
  worker.ref();
  const messages = on(worker, 'message');
  let closed = false;
  worker.postMessage({ kind: 'order', order } satisfies PeerCommand);
  const peer: Peer = {
    ready: async () => {
      const message = await peer.expect('ready');
      return message.kind === 'ready' ? message.port : 0;
    },
    expect: async (kind) => {
      const patience = new AbortController();
      const silence = delay(PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
        throw new Error(`${order.role} did not say '${kind}' within ${PATIENCE_MS} ms`);
      });
      try {
        const { value } = await Promise.race([messages.next(), silence]);
        const message = (value as [PeerMessage])[0];
        if (message.kind !== kind) throw new Error(`${order.role} said '${message.kind}' instead of '${kind}'`);
        closed = kind === 'closed';
        return message;
      } finally {
        patience.abort();
        silence.catch(() => undefined);
      }
    },
    tell: (command) => worker.postMessage(command),
    stop: async () => {
      await messages.return?.();
      if (closed) {
        worker.unref();
        idle.push(worker);
      } else {
        await worker.terminate();
      }
    },
  };
  return peer;
}
