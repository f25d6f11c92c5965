/** The own connections of this process as the addon takes them: records of own_connections.h, one behind the other. */

import type { OwnConnection } from '../core/network/own-connections.ts';
import { parseAddress } from '../core/table/address.ts';

const RECORD_BYTES = 56;
const STILL_OPEN = 0xffff_ffff_ffff_ffffn;

export function encodeOwnConnections(connections: readonly OwnConnection[]): Uint8Array {
  const bytes = new Uint8Array(connections.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, connection] of connections.entries()) {
    const at = index * RECORD_BYTES;
    bytes.set(bytesOf(connection.local), at);
    bytes.set(bytesOf(connection.remote), at + 16);
    view.setUint16(at + 32, connection.localPort);
    view.setUint16(at + 34, connection.remotePort);
    // In the byte order of the machine, which is little-endian (bpf/flow.h).
    view.setBigUint64(at + 40, connection.openedNs, true);
    view.setBigUint64(at + 48, connection.closedNs ?? STILL_OPEN, true);
  }
  return bytes;
}

/** The zone of a link-local address is not in a packet. */
function bytesOf(address: string): Uint8Array {
  const [withoutZone = ''] = address.split('%');
  const bytes = parseAddress(withoutZone);
  if (bytes === undefined) throw new TypeError(`not an address: ${address}`);
  return bytes;
}
