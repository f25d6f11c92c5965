/**
 * The only door to the native addon: checks arguments, turns failures into errors with a fix, and says the shapes and
 * units of what crosses. Long work (loading, scanning, freeing) runs off the event loop.
 *
 * long: it is the one door, and most of it says shapes and units.
 */

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { WeirError } from '../core/errors.ts';
import type { OwnConnections } from '../core/network/own-connections.ts';
import { integer, interfaceIndex, MAX_SLOTS } from './arguments.ts';
import type { PacketSource } from './capabilities.ts';
import { checkColumns, type FlowColumns } from './flow-columns.ts';
import { listAll, unlessGone } from './list-interfaces.ts';
import { listAllTunnels, type TunnelLister } from './list-tunnels.ts';
import { nativeError, needCapabilities } from './native-error.ts';
import { encodeOwnConnections } from './own-connections.ts';
import { type InterfaceWatch, throttle } from './throttle.ts';
import { type CodedTunnelList, createTunnelWindow, type ListedTunnels, type TunnelList } from './tunnels.ts';

export { missingCapabilities, neededByOption, type PacketSource } from './capabilities.ts';
export { type FlowColumns, flowColumns } from './flow-columns.ts';
export { MAX_NAMED_INDEX } from './list-interfaces.ts';
export { needForOption } from './native-error.ts';
export type { InterfaceWatch } from './throttle.ts';
export type { ListedTunnels, Tunnel, TunnelList } from './tunnels.ts';

/** A network namespace that has a name, other than this process's own. */
export interface NetworkNamespace {
  readonly name: string;
  /** A file that is this namespace. */
  readonly path: string;
  /** Of that file: tells whether the path still is this namespace. */
  readonly inode: number;
  /** Added to the indexes of its interfaces, so that no two interfaces of the host have the same. */
  readonly base: number;
}

/** One network interface. */
export interface NetworkInterface {
  /** The kernel's, with the base of its namespace. */
  readonly index: number;
  /** With `@` and the name of the namespace where that is a named one. */
  readonly name: string;
  /** Absent: this process's own. */
  readonly inNamespace?: NetworkNamespace;
  /** Kind from the kernel: `veth`, `bridge`, `vlan`, `bond`, `vxlan`...; empty for hardware. */
  readonly kind: string;
  /** Index of the bridge, bond or team that this interface is a port of; 0 for none. */
  readonly master: number;
  /** Index of the interface that this one stands on (a VLAN's parent) or is joined to (a veth's other end); 0 for none. */
  readonly lower: number;
  readonly loopback: boolean;
  readonly up: boolean;
  /** Has one peer, which need not be named in each packet. */
  readonly pointToPoint: boolean;
  /** ARPHRD type: 1 Ethernet, 772 loopback, 65534 no link-layer header. */
  readonly linkType: number;
}

export type HookDirection = 'ingress' | 'egress';
/** What the frames of a device begin with. */
export type FrameStart = 'ethernet' | 'ip';

/** Which packet of a tunnel is a row: the one inside, the one that carries it, or both. */
export type TunnelMode = 'inner' | 'outer' | 'both';

/** What programs hang on: a tcx link or a clsact filter an interface and direction, or one packet socket. */
export type HookKind = 'tcx' | 'tc' | 'socket_filter';

export interface KernelTableOptions {
  /** Flows that fit; slots are twice this, rounded up to a power of two. */
  readonly maxFlows: number;
  /** Slots in use at the start, a power of two; the program doubles it as it fills. Default 16,384. */
  readonly initialSlots?: number;
  /** IP protocol numbers that are counted; absent: all. The rest goes to the ledger as `protocol`. */
  readonly protocols?: readonly number[];
  /** One packet in this many is counted, and rows are scaled up by it; 1, the default: all. */
  readonly sampling?: number;
  /** Default inner. */
  readonly tunnels?: TunnelMode;
  /** Windows without a packet after which a slot is freed. Default 6; 1 while the table is more than half full. */
  readonly idleWindows?: number;
  /** Default tc. */
  readonly source?: PacketSource;
  /** How `tc` programs are attached; default auto: tcx where the kernel has it. */
  readonly trafficControl?: 'auto' | 'tcx' | 'tc';
  /** Absent: nothing outlives the process. With `tc` only, since a packet socket ends with its process. */
  readonly pin?: PinPlace;
  /** Where nothing else tells who opened a connection, it was the end with the higher port. Default false. */
  readonly guessPorts?: boolean;
  /**
   * The connections of this process, which are left out; asked at each collect. With `pin`, those of processes before are
   * left out as well. Absent: none are.
   */
  readonly ownConnections?: OwnConnections;
  /**
   * Rows of connections whose addresses this node translates have their true ends, as conntrack of the calling thread's
   * network namespace knows them. Wants CAP_NET_ADMIN. Default false: the ends that packets show.
   */
  readonly trueEnds?: boolean;
  /** BPF object file; tests load one with a packet generator. */
  readonly objectPath?: string;
}

/** Where tables and hooks stay when the process is gone, for the next one. */
export interface PinPlace {
  /** A folder on a bpf file system, made when it is not there; one process has it at a time. */
  readonly path: string;
  /** What else decides how flows are counted: tables with other values are not taken over. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The lower 16 bits of an interface's index, and the name that it had last. */
export interface FormerName {
  readonly iface: number;
  readonly name: string;
}

/** What a process before left counting. */
export interface TakenOver {
  /** Programs hang there, since then those of this process. */
  readonly hooks: readonly { readonly index: number; readonly direction: HookDirection }[];
  /** Also of interfaces that are gone: flows of theirs may be in the table. */
  readonly names: readonly FormerName[];
  /** End of the last window that it committed, Unix time; when its tables were made, where there was none. */
  readonly windowEndNs: bigint;
}

/** Pins that this process could not use. They are gone, and nothing counts into them any more. */
export interface RefusedPins {
  /** `cache_max_flows: 1024 before, 2048 now` */
  readonly differences: readonly string[];
  /** What had been counted and not committed; absent when the layout of its tables is unknown by now. */
  readonly amounts?: readonly (Amount & { readonly iface: number; readonly direction: HookDirection })[];
  /** Of the interfaces in `amounts`. */
  readonly names: readonly FormerName[];
}

export interface Amount {
  readonly bytes: number;
  readonly packets: number;
}

/** Cumulative since the program was loaded, of one interface and direction. */
export interface LedgerRow {
  /** Lower 16 bits of the interface index; 0 for what came from an interface that was never attached. */
  readonly iface: number;
  readonly direction: HookDirection;
  readonly filtered: {
    readonly protocol: Amount;
    readonly not_ip: Amount;
    readonly counted_elsewhere: Amount;
    readonly direction: Amount;
  };
  /** What sampling left out of flows. */
  readonly sampled: Amount;
  readonly lost: { readonly table_full: Amount; readonly malformed: Amount };
}

/**
 * Why user space leaves a flow out: the agent's own connections; what carries a tunnel, or is in one; and what it sees
 * of packets that counted where they came in.
 */
export type LeftOut = 'self' | 'tunnel' | 'counted_elsewhere';

export interface CollectedSum extends Amount {
  readonly iface: number;
  readonly direction: HookDirection;
  /** Absent: of rows. Committed with them. */
  readonly leftOut?: LeftOut;
}

/** What became of the flows that one collect asked conntrack about: the new ones, and some whose answer was missing. */
export interface NatLookUps {
  readonly translated: number;
  readonly untranslated: number;
  /** Conntrack does not have them (yet): asked about again twice. */
  readonly missing: number;
  /** Several connections with different ends look like the flow, as echoes through a masquerade may. */
  readonly ambiguous: number;
  readonly failed: number;
  /** Lists of connections that were read, in place of look-ups. */
  readonly dumps: number;
  /** Of what failed; 0 for none. */
  readonly errno: number;
}

export interface Collected {
  /** Rows written. */
  readonly rows: number;
  /** How many of them are in `natRow`. */
  readonly translatedRows: number;
  /** False when the arrays were too small: the rest keeps counting and comes with the next collect. */
  readonly complete: boolean;
  /** 16 bytes an address, IPv4 as ::ffff:a.b.c.d: endpoints first seen in this collect, in order of their codes. */
  readonly newEndpoints: Uint8Array;
  /** Sums of the rows written, before scaling, and of the flows left out instead, by interface and direction. */
  readonly sums: readonly CollectedSum[];
  /** Of every attached interface; of those that were, what is not as in the collect before. */
  readonly ledger: readonly LedgerRow[];
  readonly natLookUps: NatLookUps;
  readonly slots: number;
  readonly usedSlots: number;
  readonly maxSlots: number;
  readonly overflowFlows: number;
  readonly scanNs: number;
  /** Why the listening sockets of this node could not be read anew; what was known before still serves. */
  readonly socketsFailure?: string;
}

export interface KernelTable {
  /** Kernel ids of the loaded programs. */
  readonly programIds: Readonly<Record<string, number>>;
  readonly hookKind: HookKind;
  /** Undefined when the table is new. */
  readonly takenOver: TakenOver | undefined;
  readonly refusedPins: RefusedPins | undefined;
  /**
   * Counts on an interface with such frames (default: ethernet); ends with the process, but for `tc`, see
   * removeLeftFilters, and for pinned tables. Returns the filters that see packets first, and may keep them from being counted. Throws
   * interface/missing, kernel/permission...
   */
  attach(
    iface: Pick<NetworkInterface, 'index' | 'name' | 'inNamespace'>,
    direction: HookDirection,
    start?: FrameStart,
  ): readonly string[];
  detach(index: number, direction: HookDirection): void;
  /** As `attach` and `detach`, which block for the kernel's grace period, some 10 ms each. One call after the other. */
  attachOffLoop(
    iface: Pick<NetworkInterface, 'index' | 'name' | 'inNamespace'>,
    direction: HookDirection,
    start?: FrameStart,
  ): Promise<readonly string[]>;
  detachOffLoop(index: number, direction: HookDirection): Promise<void>;
  /** The interface has this name from now on. */
  rename(iface: { readonly index: number; readonly name: string }): void;
  /** Interfaces whose ingress is counted (or masters all of whose ports are): forwarded packets from them are not. */
  setCovered(indexes: readonly number[]): void;
  /**
   * The tunnels that tell what carries one: to the programs at once, to the next collect on, and for flows that are known
   * already. One that is not in the list any more holds until a collect that began without it is committed. At the start
   * there are none.
   */
  setTunnels(list: TunnelList): void;
  /** Rows that a collect may need right now. */
  rowBound(): number;
  /**
   * Reads what was counted since the last commit. Nothing is taken: without a commit the next collect has it again.
   * After a collect that failed there is nothing to commit.
   */
  collect(columns: FlowColumns): Promise<Collected>;
  /**
   * The rows of the last collect are delivered: forget them, and free slots that have been idle. The time is the end of
   * their window, for who takes the table over.
   */
  commit(windowEndNs?: bigint): Promise<{ readonly freed: number }>;
  /** Endpoint codes start again at 0 with the next collect that begins. */
  newEndpointEpoch(): void;
  /** Waits until no running program can still count into the table: after the last detach, before the last collect. */
  settle(): Promise<void>;
  /** Detaches everything and unloads. Pinned tables and hooks stay, and go on counting. */
  close(): Promise<void>;
}

/** What the addon exports; it trusts its arguments, which are checked here. */
interface Addon {
  open(options: {
    objectPath: string;
    namespaceObjectPath: string;
    maxSlots: number;
    initialSlots: number;
    protocols?: readonly number[];
    sampling: number;
    tunnels: TunnelMode;
    idleWindows: number;
    source: PacketSource;
    trafficControl: 'auto' | 'tcx' | 'tc';
    pin?: PinPlace;
    guessPorts: boolean;
    trueEnds: boolean;
  }): Promise<AddonTable>;
  listInterfaces(namespace?: NetworkNamespace): (NetworkInterface & { readonly lowerNamespace: number })[];
  listTunnels: TunnelLister['listTunnels'];
  namespaceIds(others: readonly NetworkNamespace[], namespace?: NetworkNamespace): number[];
  readNetDev(namespace: NetworkNamespace): string;
  removeLeftFilters(): string[];
  watchInterfaces(onChange: (gone: readonly number[]) => void, namespace?: NetworkNamespace): () => void;
}

/** What programs and maps are loaded with; `pinned` names each of them. */
interface LoadConstants {
  readonly maxSlots: number;
  readonly initialSlots: number;
  readonly trafficControl: 'auto' | 'tcx' | 'tc';
  readonly protocols?: readonly number[];
  readonly sampling: number;
  readonly tunnels: TunnelMode;
}

interface AddonTable {
  programIds(): Record<string, number>;
  hookKind(): HookKind;
  takenOver(): TakenOver | undefined;
  refused(): RefusedPins | undefined;
  rename(index: number, name: string): void;
  attach(index: number, name: string, direction: HookDirection, atIp: boolean, namespace?: NetworkNamespace): string[];
  detach(index: number, direction: HookDirection): void;
  attachOffLoop(
    index: number,
    name: string,
    direction: HookDirection,
    framesStartAtIp: boolean,
    namespace?: NetworkNamespace,
  ): Promise<string[]>;
  detachOffLoop(index: number, direction: HookDirection): Promise<void>;
  setCovered(indexes: readonly number[]): void;
  publishTunnels(list: CodedTunnelList): void;
  setTunnels(list: CodedTunnelList): void;
  rowBound(): number;
  collect(columns: FlowColumns, ownConnections?: Uint8Array): Promise<Omit<Collected, 'maxSlots'>>;
  rememberOwn(ownConnections: Uint8Array): void;
  commit(windowEndNs: bigint): Promise<number>;
  newEndpointEpoch(): void;
  settle(): Promise<void>;
  close(): Promise<void>;
}

const ADDON_PATH = fileURLToPath(new URL('../build/Release/weir.node', import.meta.url));
const objectPath = (name: string) => fileURLToPath(new URL(`../build/bpf/${name}.bpf.o`, import.meta.url));
/** By the source: of the agent's own network namespace, and of others. */
const OBJECT_PATHS = {
  tc: { own: objectPath('network'), others: objectPath('namespace') },
  socket_filter: { own: objectPath('socket'), others: objectPath('namespace_socket') },
} as const satisfies Record<PacketSource, unknown>;

const DEFAULT_INITIAL_SLOTS = 16_384;
const DEFAULT_IDLE_WINDOWS = 6;
const MAX_SAMPLING = 0xffff_ffff;

let loadedAddon: Addon | undefined;

function addon(): Addon {
  if (loadedAddon === undefined) {
    try {
      loadedAddon = createRequire(import.meta.url)(ADDON_PATH) as Addon;
    } catch (cause) {
      throw new WeirError('native/addon', `cannot load the native addon: ${(cause as Error).message}`, {
        place: ADDON_PATH,
        fix: 'build it with `npm run build:native`',
        cause,
      });
    }
  }
  return loadedAddon;
}

/**
 * The interfaces of this process's network namespace, then those of these, each in the kernel's order. A namespace that is
 * gone has none. Throws kernel/call, and kernel/permission without CAP_SYS_ADMIN.
 */
export function listInterfaces(namespaces: readonly NetworkNamespace[] = []): NetworkInterface[] {
  return call(() => listAll(namespaces, addon()));
}

/** Text of /proc/net/dev in another namespace; empty when it is gone. Throws as listInterfaces does. */
export function readNetDev(namespace: NetworkNamespace): string {
  return call(() => unlessGone('', () => addon().readNetDev(namespace)));
}

/**
 * What carries packets within others in this process's network namespace, and in these. Throws kernel/call, and
 * kernel/permission without CAP_SYS_ADMIN.
 */
export function listTunnels(namespaces: readonly NetworkNamespace[] = []): ListedTunnels {
  return call(() => listAllTunnels(namespaces, addon()));
}

/**
 * Takes away the clsact filters that a run of Weir left behind when it was killed, with the clsact that it had put there
 * for them; those of a run that is alive stay. Returns their places, such as `eth0 ingress`. Throws kernel/permission.
 */
export function removeLeftFilters(): readonly string[] {
  return call(() => addon().removeLeftFilters());
}

/**
 * Calls back when interfaces or addresses of a network namespace (default: this process's) came, went or changed, with
 * the indexes of interfaces that went away (to be gone, or to come back as another one). A burst is a few calls; when the
 * kernel had to drop messages there is a call all the same, without what they would have said. Of a namespace that is gone
 * nothing is said. Does not keep the process alive. Throws kernel/call.
 */
export function watchInterfaces(
  onChange: (gone: ReadonlySet<number>) => void,
  namespace?: NetworkNamespace,
): InterfaceWatch {
  const base = namespace?.base ?? 0;
  const subscribe = (notify: (gone: readonly number[]) => void) =>
    unlessGone(
      () => {},
      () => addon().watchInterfaces((gone) => notify(gone.map((index) => index + base)), namespace),
    );
  return throttle((notify) => call(() => subscribe(notify)), onChange);
}

/**
 * Loads the programs and tables; nothing is attached yet. Rejects with kernel/permission, kernel/unsupported,
 * kernel/program-rejected, native/object or native/argument.
 */
export async function openKernelTable(options: KernelTableOptions): Promise<KernelTable> {
  const maxSlots = powerOfTwo(integer('maxFlows', options.maxFlows, 1, MAX_SLOTS / 2) * 2);
  const initialSlots = integer('initialSlots', options.initialSlots ?? DEFAULT_INITIAL_SLOTS, 1, MAX_SLOTS);
  const idleWindows = integer('idleWindows', options.idleWindows ?? DEFAULT_IDLE_WINDOWS, 1, 1 << 20);
  const sampling = integer('sampling', options.sampling ?? 1, 1, MAX_SAMPLING);
  for (const protocol of options.protocols ?? []) integer('protocols', protocol, 0, 255);
  const source = options.source ?? 'tc';
  if (options.pin !== undefined && source !== 'tc') {
    throw new WeirError('native/argument', 'a packet socket ends with its process: its table cannot be pinned');
  }
  const constants = {
    maxSlots,
    initialSlots: Math.min(powerOfTwo(initialSlots), maxSlots),
    trafficControl: options.trafficControl ?? 'auto',
    ...(options.protocols === undefined ? {} : { protocols: options.protocols }),
    sampling,
    tunnels: options.tunnels ?? 'inner',
  };
  try {
    needCapabilities(source);
    const table = await addon().open({
      objectPath: options.objectPath ?? OBJECT_PATHS[source].own,
      namespaceObjectPath: OBJECT_PATHS[source].others,
      ...constants,
      idleWindows,
      source,
      guessPorts: options.guessPorts ?? false,
      trueEnds: options.trueEnds ?? false,
      ...(options.pin === undefined ? {} : { pin: pinned(options.pin, { ...constants, initialSlots }) }),
    });
    return kernelTable(table, maxSlots, source, options);
  } catch (error) {
    throw nativeError(error, source);
  }
}

/** All that is decided when programs are loaded is a setting of the pins, by the name that users know it by. */
function pinned(
  { path, settings }: PinPlace,
  { maxSlots, initialSlots, trafficControl, protocols, sampling, tunnels }: LoadConstants,
): PinPlace {
  const known = {
    cache_max_flows: String(maxSlots / 2),
    protocols: protocols === undefined ? 'all' : protocols.toSorted((a, b) => a - b).join(' '),
    traffic_control_backend: trafficControl,
    'slots at the start': String(initialSlots),
    sampling: String(sampling),
    tunnels,
  };
  return { path, settings: { ...known, ...settings } };
}

/** The addon's reader takes one call at a time; this keeps the order and refuses calls after close. */
function kernelTable(
  table: AddonTable,
  maxSlots: number,
  source: PacketSource,
  { ownConnections, pin }: Pick<KernelTableOptions, 'ownConnections' | 'pin'>,
): KernelTable {
  let last: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;
  let newEpochDue = false;
  const forgetOwn = pin === undefined ? undefined : rememberOwn(table, ownConnections);
  const tunnels = createTunnelWindow({
    publish: (list) => table.publishTunnels(list),
    apply: (list) => table.setTunnels(list),
  });
  const whileOpen = <Result>(work: () => Result): Result => {
    if (closing !== undefined) throw new WeirError('native/argument', 'the kernel table is closed');
    return call(work, source);
  };
  const inTurn = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    whileOpen(() => undefined);
    const before = last;
    const turn = (async () => {
      await before.catch(() => undefined);
      return await work();
    })();
    last = turn;
    try {
      return await turn;
    } catch (error) {
      throw nativeError(error, source);
    }
  };

  return {
    programIds: call(() => table.programIds()),
    hookKind: table.hookKind(),
    takenOver: table.takenOver(),
    refusedPins: table.refused(),
    attach: (iface, direction, frameStart = 'ethernet') =>
      whileOpen(() => {
        const index = interfaceIndex(iface.index);
        return table.attach(index, iface.name, direction, frameStart === 'ip', iface.inNamespace);
      }),
    detach: (index, direction) => whileOpen(() => table.detach(interfaceIndex(index), direction)),
    attachOffLoop: (iface, direction, frameStart) =>
      inTurn(() => {
        const index = interfaceIndex(iface.index);
        return table.attachOffLoop(index, iface.name, direction, frameStart === 'ip', iface.inNamespace);
      }),
    detachOffLoop: (index, direction) => inTurn(() => table.detachOffLoop(interfaceIndex(index), direction)),
    rename: ({ index, name }) => whileOpen(() => table.rename(interfaceIndex(index), name)),
    setCovered: (indexes) => whileOpen(() => table.setCovered(indexes.map(interfaceIndex))),
    setTunnels: (list) => whileOpen(() => tunnels.set(list)),
    rowBound: () => whileOpen(() => table.rowBound()),
    collect: (columns) =>
      inTurn(async () => {
        // Only now, since the call may have waited; and of a copy, which keeps the arrays while the addon writes.
        const checked = checkColumns({ ...columns });
        if (newEpochDue) table.newEndpointEpoch();
        newEpochDue = false;
        tunnels.collectBegins();
        // In the same turn as the collect: none can be opened in between.
        const own = ownConnections === undefined ? undefined : encodeOwnConnections(ownConnections.list());
        return { ...(await table.collect(checked, own)), maxSlots };
      }),
    commit: (windowEndNs = 0n) =>
      inTurn(async () => {
        // Committed also when freeing slots fails.
        tunnels.committed();
        return { freed: await table.commit(windowEndNs) };
      }),
    newEndpointEpoch: () =>
      whileOpen(() => {
        newEpochDue = true;
      }),
    settle: () => inTurn(() => table.settle()),
    close: () => {
      forgetOwn?.();
      closing ??= last.catch(() => undefined).then(() => table.close());
      return closing;
    },
  };
}

/** Keeps connections with the table from when they are opened: this process may be killed before the next collect. */
function rememberOwn(table: AddonTable, own: OwnConnections | undefined): (() => void) | undefined {
  if (own === undefined) return undefined;
  table.rememberOwn(encodeOwnConnections(own.list()));
  return own.onOpened((connection) => table.rememberOwn(encodeOwnConnections([connection])));
}

function call<Result>(work: () => Result, source: PacketSource = 'tc'): Result {
  try {
    return work();
  } catch (error) {
    throw nativeError(error, source);
  }
}

/** The smallest power of two that is not less. */
function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}
