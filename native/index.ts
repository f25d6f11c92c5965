/**
 * The only door to the native addon: checks arguments, turns failures into errors with a fix, and says the shapes and
 * units of what crosses. Long work (loading, scanning, freeing) runs off the event loop.
 */

/** One network interface of this network namespace. */
export interface NetworkInterface {
  readonly index: number;
  readonly name: string;
  /** Kind from the kernel: `veth`, `bridge`, `vlan`, `bond`, `vxlan`...; empty for hardware. */
  readonly kind: string;
  /** Index of the bridge, bond or team that this interface is a port of; 0 for none. */
  readonly master: number;
  /** Index of the interface that this one stands on (a VLAN's parent); 0 for none or in another namespace. */
  readonly lower: number;
  readonly loopback: boolean;
  readonly up: boolean;
  /** ARPHRD type: 1 Ethernet, 772 loopback, 65534 no link-layer header. */
  readonly linkType: number;
}

export type HookDirection = 'ingress' | 'egress';

export interface KernelTableOptions {
  /** Flows that fit; slots are twice this, rounded up to a power of two. */
  readonly maxFlows: number;
  /** Slots in use at the start, a power of two; the program doubles it as it fills. Default 16,384. */
  readonly initialSlots?: number;
  /** IP protocol numbers that are counted; absent: all. The rest goes to the ledger as `protocol`. */
  readonly protocols?: readonly number[];
  /** Windows without a packet after which a slot is freed. Default 6; 1 while the table is more than half full. */
  readonly idleWindows?: number;
  /** BPF object file; tests load one with a packet generator. */
  readonly objectPath?: string;
}

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
  /** Since the last committed collect. */
  readonly bytes: Float64Array;
  readonly packets: Float64Array;
}

export interface Amount {
  readonly bytes: number;
  readonly packets: number;
}

/** Cumulative since the program was loaded, of one interface and direction. */
export interface LedgerRow {
  /** Lower 16 bits of the interface index. */
  readonly iface: number;
  readonly direction: HookDirection;
  readonly filtered: { readonly protocol: Amount; readonly not_ip: Amount; readonly counted_elsewhere: Amount };
  readonly lost: { readonly table_full: Amount; readonly malformed: Amount };
}

export interface Collected {
  /** Rows written. */
  readonly rows: number;
  /** False when the arrays were too small: the rest keeps counting and comes with the next collect. */
  readonly complete: boolean;
  /** 16 bytes an address, IPv4 as ::ffff:a.b.c.d: endpoints first seen in this collect, in order of their codes. */
  readonly newEndpoints: Uint8Array;
  /** Sums of the rows written, by interface and direction. */
  readonly sums: readonly (Amount & { readonly iface: number; readonly direction: HookDirection })[];
  readonly ledger: readonly LedgerRow[];
  readonly slots: number;
  readonly usedSlots: number;
  readonly maxSlots: number;
  readonly overflowFlows: number;
  readonly scanNs: number;
}

export interface KernelTable {
  /** Kernel ids of the loaded programs. */
  readonly programIds: Readonly<Record<string, number>>;
  /** Attaches the counting program; gone with the process. Throws interface/missing, kernel/permission... */
  attach(iface: { readonly index: number; readonly name: string }, direction: HookDirection): void;
  detach(index: number, direction: HookDirection): void;
  /** Interfaces whose ingress is counted (or masters all of whose ports are): forwarded packets from them are not. */
  setCovered(indexes: readonly number[]): void;
  /** Rows that a collect may need right now. */
  rowBound(): number;
  /** Reads what was counted since the last commit. Nothing is taken: without a commit the next collect has it again. */
  collect(columns: FlowColumns): Promise<Collected>;
  /** The rows of the last collect are delivered: forget them, and free slots that have been idle. */
  commit(): Promise<{ readonly freed: number }>;
  /** Endpoint codes start again at 0 with the next collect. */
  newEndpointEpoch(): void;
  /** Waits until no running program can still count into the table: after the last detach, before the last collect. */
  settle(): Promise<void>;
  /** Detaches everything and unloads. */
  close(): Promise<void>;
}
