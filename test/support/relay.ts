/**
 * Carries connections between network namespaces, which share sockets of the file system and nothing else. As a program,
 * `node test/support/relay.ts FROM TO` listens at FROM, connects to TO for each connection, and says a line when it
 * listens. A place is `address:port` or a path.
 */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { NetworkNamespace } from './network-namespace.ts';

/** In a namespace, for as long as that lives. */
export async function startRelay(namespace: NetworkNamespace, from: string, to: string): Promise<void> {
  const file = fileURLToPath(import.meta.url);
  const child = namespace.spawn(process.execPath, [file, from, to], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
}

function placeOf(text: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (text.startsWith('/')) return { path: text };
  const [, host, port] = /^(.*):(\d+)$/.exec(text) ?? [];
  if (host === undefined) throw new Error(`neither a path nor address:port: ${text}`);
  return { host, port: Number(port) };
}

if (import.meta.main) {
  const [from = '', to = ''] = process.argv.slice(2);
  // What ends one side, well or badly, ends the other.
  const server = createServer((socket) => void pipeline(socket, connect(placeOf(to)), socket, () => {}));
  server.listen(placeOf(from), () => process.stdout.write('listening\n'));
}
