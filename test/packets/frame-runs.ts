/** Frames through the loaded programs one by one, and what the table and the ledger then say of them. */

import type { ExecutionContext } from 'ava';
import { tunnelKinds } from '../../core/table/tunnel-kinds.ts';
import {
  type Amount,
  type Collected,
  flowColumns,
  type HookDirection,
  type KernelTable,
  openKernelTable,
} from '../../native/index.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ethernet, type Ipv4, ipv4, ipv6, mappedAddress } from '../support/frames.ts';
import { progTestRun, type TestRun } from '../support/native.ts';

export const TCP = 6;
export const UDP = 17;
export const UDPLITE = 136;
export const ICMP = 1;
export const ICMPV6 = 58;
export const SYN = 0x02;
export const ACK = 0x10;
export const LOOPBACK = 1;

export const A = '192.0.2.1';
export const B = '198.51.100.7';
export const A6 = new Uint8Array([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
export const B6 = new Uint8Array([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

export interface Row {
  src: string;
  dst: string;
  srcPort: number;
  dstPort: number;
  transport: number;
  direction: 'ingress' | 'egress';
  initiator: number;
  /** Empty: it carries none. */
  tunnel: string;
  bytes: number;
  packets: number;
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

export async function openTable(t: ExecutionContext, protocols?: number[]): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 1024, ...(protocols === undefined ? {} : { protocols }) });
  t.teardown(() => table.close());
  return table;
}

export async function run(
  table: KernelTable,
  packet: Uint8Array,
  context: TestRun['context'] = {},
  program: 'ingress' | 'egress' | 'ingress_l3' | 'egress_l3' = 'ingress',
): Promise<void> {
  const [result] = await progTestRun({
    programId: table.programIds[`network_${program}`]!,
    packet,
    repeat: 1,
    context: { ifindex: LOOPBACK, ...context },
  });
  if (result!.retval !== 0xffffffff && result!.retval !== -1) throw new Error(`the program decided: ${result!.retval}`);
}

export async function read(table: KernelTable): Promise<{ rows: Row[]; collected: Collected }> {
  const columns = flowColumns(100);
  const collected = await table.collect(columns);
  const address = (code: number) => hex(collected.newEndpoints.subarray(code * 16, code * 16 + 16));
  const rows = Array.from(
    { length: collected.rows },
    (_, row): Row => ({
      src: address(columns.src[row]!),
      dst: address(columns.dst[row]!),
      srcPort: columns.srcPort[row]!,
      dstPort: columns.dstPort[row]!,
      transport: columns.transport[row]!,
      direction: columns.direction[row] === 0 ? 'ingress' : 'egress',
      initiator: columns.initiator[row]!,
      tunnel: tunnelKinds[columns.tunnel[row]!]!,
      bytes: columns.bytes[row]!,
      packets: columns.packets[row]!,
    }),
  );
  return { rows, collected };
}

const NONE: Amount = { bytes: 0, packets: 0 };
/** In the ledger, every interface that has no programs: the frames need none, so older kernels run them as well. */
const NEVER_ATTACHED = 0;

/** What the ledger has of the frames, without what is zero: `{'lost malformed': {bytes, packets}}`. */
export function ledgerOf({ ledger }: Collected, direction: HookDirection = 'ingress'): Record<string, Amount> {
  const row = ledger.find((entry) => entry.iface === NEVER_ATTACHED && entry.direction === direction);
  const entries = [
    ...Object.entries<Amount>({ ...row?.filtered }).map(([reason, amount]) => [`filtered ${reason}`, amount] as const),
    ['sampled', row?.sampled ?? NONE] as const,
    ...Object.entries<Amount>({ ...row?.lost }).map(([reason, amount]) => [`lost ${reason}`, amount] as const),
  ];
  return Object.fromEntries(entries.filter(([, { packets }]) => packets > 0));
}

export const v4Row = (fields: Partial<Row>): Row => ({
  src: hex(mappedAddress(A)),
  dst: hex(mappedAddress(B)),
  srcPort: 0,
  dstPort: 0,
  transport: TCP,
  direction: 'ingress',
  // The sender of the first datagram is the client.
  initiator: fields.transport === UDP || fields.transport === UDPLITE ? Number((fields.srcPort ?? 0) > 0) : 0,
  tunnel: '',
  bytes: 0,
  packets: 1,
  ...fields,
});
export const v6Row = (fields: Partial<Row>): Row => v4Row({ src: hex(A6), dst: hex(B6), ...fields });

export const v4 = (protocol: number, payload: Uint8Array, more: Partial<Ipv4> = {}) =>
  ethernet(ETHERTYPE_IPV4, ipv4({ src: A, dst: B, protocol, ...more }, payload));
/** Some bytes of a frame replaced. */
export function patched(frame: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set(bytes, at);
  return copy;
}
export const v6 = (next: number, payload: Uint8Array) => ethernet(ETHERTYPE_IPV6, ipv6(A6, B6, next, payload));
