/**
 * The TCP connections that this process opens, by their addresses on this side and the other: every attempt, from before
 * its first packet, also those that fail, and for a while after their end. Whoever dials with node:net, http, https, tls
 * or http2 is heard of (the diagnostics channel `net.client.socket`). Connections from outside are not among them, nor
 * are the look-ups of names, which the system's library sends.
 */

import { subscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Socket } from 'node:net';

export interface OwnConnection {
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  /** CLOCK_MONOTONIC, before the first packet. */
  readonly openedNs: bigint;
  /** After the socket was closed; what the kernel still sends may come later. Undefined: it is open. */
  readonly closedNs: bigint | undefined;
}

/** What a closed connection still sends and gets (FIN, repeated packets, RST) may be read as late as this. */
const REMEMBERED_NS = 600_000_000_000n;
/** Closed ones; with more, the oldest are forgotten: one a 100 ms in REMEMBERED_NS. */
const MAX_CLOSED = 6000;

/** One call of connect(2). */
interface Attempt {
  readonly socket: Socket;
  readonly remote: string;
  readonly remotePort: number;
  readonly openedNs: bigint;
}

export interface OwnConnections {
  /** All that are open, and all that were a while ago. */
  list(): readonly OwnConnection[];
  /** Calls back with each one in the turn of the event loop that opened it. Gives the function that ends it. */
  onOpened(callback: (connection: OwnConnection) => void): () => void;
}

let registry: OwnConnections | undefined;

/** From the first call on every new connection is heard of, to the end of the process. */
export function ownConnections(): OwnConnections {
  registry ??= createRegistry();
  return registry;
}

function createRegistry(): OwnConnections {
  /** Begun in this turn of the event loop. A socket must not be asked for its address before connect(2): it keeps it. */
  const begun = new Set<Attempt>();
  const open = new Map<Socket, OwnConnection>();
  let closed: OwnConnection[] = [];
  const callbacks = new Set<(connection: OwnConnection) => void>();

  const end = (socket: Socket) => {
    const connection = open.get(socket);
    if (connection === undefined) return;
    open.delete(socket);
    closed.push({ ...connection, closedNs: process.hrtime.bigint() });
  };
  /** Keeps the attempt as soon as its address is known; the last call says that there will be none. */
  const settle = (attempt: Attempt, last: boolean) => {
    if (!begun.has(attempt)) return;
    const { socket, ...rest } = attempt;
    const { address, port } = socket.address() as Partial<AddressInfo>;
    if (address !== undefined && port !== undefined) {
      const connection = { ...rest, local: address, localPort: port, closedNs: undefined };
      open.set(socket, connection);
      for (const callback of callbacks) callback(connection);
    } else if (!last) return;
    begun.delete(attempt);
  };
  const settleAll = (socket: Socket, last: boolean) => {
    for (const attempt of begun) if (attempt.socket === socket) settle(attempt, last);
  };
  const follow = (socket: Socket) => {
    socket.on('connectionAttempt', (remote: string, remotePort: number, family: number) => {
      if (family !== 4 && family !== 6) return;
      // With several addresses, one attempt follows the other on the same socket, and ends it.
      settleAll(socket, true);
      end(socket);
      const attempt = { socket, remote, remotePort, openedNs: process.hrtime.bigint() };
      begun.add(attempt);
      process.nextTick(settle, attempt, false);
    });
    // connect(2) failed at once.
    socket.on('connectionAttemptFailed', () => settleAll(socket, true));
  };
  subscribe('net.client.socket', (message) => follow((message as { socket: Socket }).socket));

  return {
    list() {
      for (const attempt of begun) settle(attempt, attempt.socket.destroyed);
      // Not by its events alone: who takes a socket over may remove every listener, as HTTP proxying does.
      for (const socket of [...open.keys()]) if (socket.destroyed) end(socket);
      const oldestNs = process.hrtime.bigint() - REMEMBERED_NS;
      closed = closed.filter(({ closedNs }) => closedNs! > oldestNs).slice(-MAX_CLOSED);
      return [...open.values(), ...closed];
    },
    onOpened(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
}
