/**
 * A node that translates what bench/tools/generate sends: each of its flows turns to one dialled address, and goes on to
 * a server behind the node that never answers.
 */

import { fileURLToPath } from 'node:url';
import { createNetworkNamespace, joinByVeth, type NetworkNamespace, NFT, type VethEnd } from './network-namespace.ts';

/** The generator sends to this MAC address, address and port. */
const NODE_MAC = '02:00:00:00:00:02';
export const DIALLED = { address: '198.51.100.7', port: 9999 } as const;
export const SERVER_PORT = 8080;

const generator = fileURLToPath(new URL('../../build/bench/generate', import.meta.url));

export interface TranslatingNode {
  readonly namespace: NetworkNamespace;
  /** Where the generated packets come in. */
  readonly entrance: VethEnd;
  readonly server: VethEnd;
  /** Sends packets of so many flows, in turn: flow n is of 10.0.0.0, port 1024 + n, up to 2^14 of them. */
  generate(flows: number, packetsPerSecond: number, seconds: number): void;
}

export function translatingNode(): TranslatingNode {
  const namespace = createNetworkNamespace();
  const [from, entrance] = joinByVeth(createNetworkNamespace(), namespace, { quiet: true });
  const [server] = joinByVeth(createNetworkNamespace(), namespace, { quiet: true });
  namespace.run('ip', 'link', 'set', entrance.name, 'address', NODE_MAC);
  namespace.run('ip', 'route', 'add', '10.0.0.0/8', 'dev', entrance.name);
  namespace.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  const dialled = `ip daddr ${DIALLED.address} udp dport ${DIALLED.port}`;
  namespace.run(
    NFT,
    `table ip translation {
      chain incoming { type nat hook prerouting priority -100; ${dialled} dnat to ${server.ipv4}:${SERVER_PORT}; }
    }`,
  );
  return {
    namespace,
    entrance,
    server,
    generate: (flows, packetsPerSecond, seconds) => {
      from.namespace.run(generator, from.name, ...[flows, seconds, packetsPerSecond].map(String));
    },
  };
}
