/** The arrays that one window's rows are read into. */

import { WeirError } from '../core/errors.ts';
import { integer, MAX_SLOTS } from './arguments.ts';

/**
 * Rows of one window, filled by `collect`. All arrays have `capacity` elements and belong to the caller, who must not
 * touch them while a collect runs.
 */
export interface FlowColumns {
  readonly capacity: number;
  /** Endpoint codes: the n-th endpoint ever handed out in `newEndpoints` since the last `newEndpointEpoch`. */
  readonly src: Uint32Array;
  readonly dst: Uint32Array;
  /** Host byte order; for ICMP and ICMPv6 srcPort is type << 8 | code and dstPort 0. 0 where there are no ports. */
  readonly srcPort: Uint16Array;
  readonly dstPort: Uint16Array;
  /** IP protocol number. */
  readonly transport: Uint8Array;
  /** 0 ingress, 1 egress, of the interface. */
  readonly direction: Uint8Array;
  /** Lower 16 bits of the interface index. */
  readonly iface: Uint16Array;
  /** Who opened the connection: 0 unknown, 1 the source, 2 the destination. */
  readonly initiator: Uint8Array;
  /** 1: the initiator was told by the ports, not by a handshake, a socket or the first packet. */
  readonly guessed: Uint8Array;
  /** Kind of the tunnel that the packets carry, by position in tunnelKinds; 0: none. */
  readonly tunnel: Uint8Array;
  /** Since the last committed collect, scaled by sampling. */
  readonly bytes: Float64Array;
  readonly packets: Float64Array;
  /** The rows that are translated or were dialled elsewhere, of which `translatedRows` are written, in rising order; the others below have an element for each. */
  readonly natRow: Uint32Array;
  /** Code of the endpoint that the packets show instead of the true one; 0xffffffff: they show the true one. */
  readonly natSrc: Uint32Array;
  readonly natDst: Uint32Array;
  /** What the packets show as ports. */
  readonly natSrcPort: Uint16Array;
  readonly natDstPort: Uint16Array;
  /** Code of the endpoint that the client turned to, where another answers; 0xffffffff: that one answers. */
  readonly natDialled: Uint32Array;
  readonly natDialledPort: Uint16Array;
}

/** Entries of each overflow map in the BPF object: rows beyond the slots. */
const OVERFLOW_FLOWS = 16_384;

const MAX_ROWS = MAX_SLOTS + 2 * OVERFLOW_FLOWS;

const COLUMN_KINDS = {
  src: Uint32Array,
  dst: Uint32Array,
  srcPort: Uint16Array,
  dstPort: Uint16Array,
  transport: Uint8Array,
  direction: Uint8Array,
  iface: Uint16Array,
  initiator: Uint8Array,
  guessed: Uint8Array,
  tunnel: Uint8Array,
  bytes: Float64Array,
  packets: Float64Array,
  natRow: Uint32Array,
  natSrc: Uint32Array,
  natDst: Uint32Array,
  natSrcPort: Uint16Array,
  natDstPort: Uint16Array,
  natDialled: Uint32Array,
  natDialledPort: Uint16Array,
} as const;

/** Empty arrays for `collect`, with room for this many rows. */
export function flowColumns(capacity: number): FlowColumns {
  integer('capacity', capacity, 1, MAX_ROWS);
  return {
    capacity,
    src: new Uint32Array(capacity),
    dst: new Uint32Array(capacity),
    srcPort: new Uint16Array(capacity),
    dstPort: new Uint16Array(capacity),
    transport: new Uint8Array(capacity),
    direction: new Uint8Array(capacity),
    iface: new Uint16Array(capacity),
    initiator: new Uint8Array(capacity),
    guessed: new Uint8Array(capacity),
    tunnel: new Uint8Array(capacity),
    bytes: new Float64Array(capacity),
    packets: new Float64Array(capacity),
    natRow: new Uint32Array(capacity),
    natSrc: new Uint32Array(capacity),
    natDst: new Uint32Array(capacity),
    natSrcPort: new Uint16Array(capacity),
    natDstPort: new Uint16Array(capacity),
    natDialled: new Uint32Array(capacity),
    natDialledPort: new Uint16Array(capacity),
  };
}

/** A short array would let the addon write past its end. */
export function checkColumns(columns: FlowColumns): FlowColumns {
  integer('capacity', columns.capacity, 1, MAX_ROWS);
  for (const [name, kind] of Object.entries(COLUMN_KINDS)) {
    const column = columns[name as keyof typeof COLUMN_KINDS];
    if (!(column instanceof kind) || column.length < columns.capacity) {
      throw new WeirError('native/argument', `column ${name}: want a ${kind.name} of ${columns.capacity} elements`);
    }
    if (column.buffer instanceof ArrayBuffer && column.buffer.resizable) {
      throw new WeirError('native/argument', `column ${name}: its memory can shrink while it is written to`);
    }
  }
  return columns;
}
