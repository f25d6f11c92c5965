/** Begins to listen, or says why not and what to do about it. */

import type { AddressInfo, Server } from 'node:net';
import { WeirError } from '../errors.ts';

export interface ListenAddress {
  /** Empty: every address of this host. */
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** As a user writes it: `[::1]:8889`. */
export const shownAddress = ({ host, port }: ListenAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

export interface ListenPlace extends ListenAddress {
  /** What is served there, as it stands behind `cannot serve`. */
  readonly what: string;
  /** The key that the user changes. */
  readonly path?: string;
  /** What to do instead where another program listens there, and where this host cannot listen there. */
  readonly otherwise: { readonly busy: string; readonly refused: string };
}

/** Gives the port that is listened on. */
export function listen(server: Server, place: ListenPlace): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => reject(listenError(cause, place));
    server.once('error', fail);
    server.listen(place.port, place.host === '' ? undefined : place.host, () => {
      server.off('error', fail);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, place: ListenPlace): WeirError {
  const { what, path, otherwise } = place;
  const busy = cause.code === 'EADDRINUSE';
  const reason = busy ? 'the address is already in use' : cause.message;
  return new WeirError('component/start', `cannot serve ${what} at ${shownAddress(place)}: ${reason}`, {
    ...(path === undefined ? {} : { path }),
    fix: busy ? `stop the program that listens there, or ${otherwise.busy}` : otherwise.refused,
    cause,
  });
}
