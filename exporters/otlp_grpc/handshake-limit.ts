/**
 * Ends TLS handshakes that do not come to an end. grpc-js waits for them without limit, also after its client is closed:
 * a server that stops answering in the middle of one would hold the channel, and the process, for ever. There is no
 * public way, so this wraps what credentials make for each connection; the package's version is pinned.
 */

import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { WeirError } from '../../core/errors.ts';

/** gRPC's MIN_CONNECT_TIMEOUT. */
const HANDSHAKE_TIMEOUT_MS = 20_000;

interface SecureConnector {
  connect(socket: Socket): Promise<unknown>;
}

/** Also ends them when the signal aborts. */
export function limitHandshakes(credentials: ChannelCredentials, stopped: AbortSignal): ChannelCredentials {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...parts) => {
    const connector: SecureConnector = create(...parts);
    const handshake = connector.connect.bind(connector);
    connector.connect = async (socket) => {
      const limit = createLimit(stopped);
      try {
        return await Promise.race([handshake(socket), limit.reached]);
      } finally {
        limit.lift();
      }
    };
    return connector as ReturnType<typeof create>;
  };
  return credentials;
}

/** `reached` rejects when the time is over or the signal aborts, unless lifted before; grpc-js then closes the socket. */
function createLimit(stopped: AbortSignal) {
  const { promise: reached, reject } = Promise.withResolvers<never>();
  const fail = (why: string) => reject(new WeirError('export/failed', `TLS handshake ${why}`));
  const timer = setTimeout(fail, HANDSHAKE_TIMEOUT_MS, 'timed out');
  const onStop = () => fail('cut off');
  if (stopped.aborted) onStop();
  stopped.addEventListener('abort', onStop, { once: true });
  const lift = () => {
    clearTimeout(timer);
    stopped.removeEventListener('abort', onStop);
  };
  return { reached, lift };
}
