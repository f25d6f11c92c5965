/** Community ID, version 1 (github.com/corelight/community-id-spec): the same text for both directions of a flow. */

import { createHash } from 'node:crypto';
import { isIPv4, parseAddress } from '../table/address.ts';
import { EvaluationError, type Value } from './syntax.ts';
import { typeOf } from './values.ts';

/** ICMP, whose types stand in for ports, is not among them. */
const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const MAX_16_BITS = 0xffff;

/** Source address, source port, destination address, destination port, protocol (TCP), seed (0). */
export function communityId(given: readonly Value[]): string {
  const [sourceIp, sourcePort, destinationIp, destinationPort, protocol = 'TCP', seed = 0n] = given;
  const number = typeof protocol === 'string' ? protocolNumbers[protocol] : undefined;
  if (number === undefined) {
    throw new EvaluationError(`CommunityID: unsupported protocol: one of ${Object.keys(protocolNumbers).join(', ')}`);
  }
  const ends = [
    endBytes(sourceIp ?? null, sourcePort ?? null),
    endBytes(destinationIp ?? null, destinationPort ?? null),
  ];
  const [first, second] = ends.sort((a, b) => Buffer.compare(a.address, b.address) || Buffer.compare(a.port, b.port));
  const hash = createHash('sha1')
    .update(twoBytes('seed', seed))
    .update(first!.address)
    .update(second!.address)
    .update(Uint8Array.of(number, 0))
    .update(first!.port)
    .update(second!.port);
  return `1:${hash.digest('base64')}`;
}

function endBytes(ip: Value, port: Value) {
  const bytes = typeof ip === 'string' ? parseAddress(ip) : undefined;
  if (bytes === undefined) throw new EvaluationError(`CommunityID: expected an address but got ${typeOf(ip)}`);
  return { address: isIPv4(bytes, 0) ? bytes.subarray(12) : bytes, port: twoBytes('port', port) };
}

function twoBytes(what: string, value: Value): Uint8Array {
  if (typeof value === 'bigint' && value >= 0n && value <= BigInt(MAX_16_BITS)) {
    return Uint8Array.of(Number(value >> 8n), Number(value & 0xffn));
  }
  throw new EvaluationError(`CommunityID: the ${what} is no int from 0 to ${MAX_16_BITS}`);
}
