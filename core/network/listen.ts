/** Servers: begins to listen, or says why not and what to do about it; ends. */

import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { ConfigProblem } from '../component/define.ts';
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

/** Reads `host:port`, `[::1]:port` or `:port`; a string is what is wrong with it. */
export function parseListenAddress(endpoint: string): ListenAddress | string {
  if (endpoint === '') return 'requires a non-empty "endpoint"';
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/.exec(endpoint) ?? [];
  if (port === undefined) {
    const reason = endpoint.split(':').length > 2 ? 'too many colons in address' : 'missing port in address';
    return `address ${endpoint}: ${reason}`;
  }
  if (Number(port) > 65535) return `invalid port "${port}"`;
  return { host: bracketed ?? plain, port: Number(port) };
}

/** What is wrong with the key `endpoint` of a server. */
export function endpointProblems(endpoint: string, example: string): readonly ConfigProblem[] {
  const address = parseListenAddress(endpoint);
  if (typeof address !== 'string') return [];
  return [{ path: ['endpoint'], message: address, fix: `write address and port, such as ${example}` }];
}

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

/** Ends a server that listens or never did, with the connections that it still has. Safe when called twice. */
export function closeServer(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
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
