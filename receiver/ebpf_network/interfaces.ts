/**
 * Which interfaces are counted on, in which direction, and whose packets count as seen on entry; so that each packet
 * is counted exactly once on this node (DESIGN.md, section 4). A pure function of what the kernel lists.
 */

import { WeirError } from '../../core/errors.ts';
import type { FrameStart, HookDirection, NetworkInterface } from '../../native/index.ts';
import type { NamePattern } from './name-pattern.ts';
import { plainName, wiresAcross } from './wires.ts';

export interface InterfaceRules {
  /** Empty: every leaf device. */
  readonly include: readonly NamePattern[];
  /** Wins over `include`. */
  readonly exclude: readonly NamePattern[];
  readonly direction: HookDirection | 'both';
  /** Every interface counts what crosses it, in both directions: no packet is counted once only. */
  readonly everyInterface: boolean;
  /** The receiver's path in the configuration, for errors: `receivers::ebpf_network`. */
  readonly path: string;
}

export interface Attachment {
  readonly iface: NetworkInterface;
  readonly directions: readonly HookDirection[];
  readonly frameStart: FrameStart;
}

/** One place where a program hangs, or is to. */
export interface Hook {
  readonly iface: NetworkInterface;
  readonly direction: HookDirection;
  readonly frameStart: FrameStart;
}

export interface InterfaceSelection {
  readonly attachments: readonly Attachment[];
  /** Indexes of devices whose packets were counted when they came in, so that they are not counted on leaving. */
  readonly covered: readonly number[];
  /** Devices that were wanted, but of a link type whose frames the programs do not know. */
  readonly unreadable: readonly NetworkInterface[];
}

/** What frames begin with, by ARPHRD type: include/uapi/linux/if_arp.h. */
const FRAME_STARTS: ReadonlyMap<number, FrameStart> = new Map([
  [1, 'ethernet'],
  [772, 'ethernet'], // loopback
  [512, 'ip'], // PPP: its header comes and goes below the programs
  [519, 'ip'], // mobile broadband
  [768, 'ip'], // ipip, vti
  [769, 'ip'], // ip6tnl, vti6
  [776, 'ip'], // sit
  [65_534, 'ip'], // tun, wireguard, xfrm
]);
/** gre and ip6gre: with one peer as above; without, each frame begins with the tunnel's own headers, of any length. */
const GRE_LINK_TYPES = new Set([778, 823]);

/** Devices that pass on what their ports carry. */
const masterKinds = new Set(['bridge', 'bond', 'team', 'vrf', 'openvswitch']);
/** Devices that are a view of the device they stand on: a packet goes through both. Tunnels make a packet of their own. */
const upperKinds = new Set(['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap']);

/** Undefined where it is not known. */
export function frameStartOf({ linkType, pointToPoint }: NetworkInterface): FrameStart | undefined {
  if (GRE_LINK_TYPES.has(linkType)) return pointToPoint ? 'ip' : undefined;
  return FRAME_STARTS.get(linkType);
}

const isLeaf = ({ kind }: NetworkInterface) => !masterKinds.has(kind) && !upperKinds.has(kind);

/** At the start: throws what keeps the receiver from ever counting what the configuration names. */
export function selectInterfaces(all: readonly NetworkInterface[], rules: InterfaceRules): InterfaceSelection {
  for (const [position, { exact }] of rules.include.entries()) {
    if (exact !== undefined && !all.some((iface) => plainName(iface) === exact))
      throw missing(exact, position, all, rules);
  }
  const selection = chooseInterfaces(all, rules);
  // An interface that fits may come later, unless every one was named.
  const mayCome = rules.include.length === 0 || rules.include.some(({ exact }) => exact === undefined);
  if (selection.attachments.length === 0 && !mayCome) throw nothingLeft(all, rules);
  refuseSharedIndexes(selection.attachments, rules);
  return selection;
}

/** The same while running: names that are missing are waited for. */
export function chooseInterfaces(all: readonly NetworkInterface[], rules: InterfaceRules): InterfaceSelection {
  const wires = wiresAcross(all, rules.everyInterface);
  const isNamed = (iface: NetworkInterface) => matchesAny(rules.include, plainName(iface));
  const named = all.filter((iface) => {
    if (wires.nearOf.has(iface.index) || isExcluded(plainName(iface), rules)) return false;
    const far = wires.farOf.get(iface.index);
    return isNamed(iface) || (far !== undefined && isNamed(far));
  });
  const wanted = named.filter((iface) => frameStartOf(iface) !== undefined);
  const unreadable = named.filter((iface) => frameStartOf(iface) === undefined);
  const chosen = wanted.filter(
    (iface) => rules.everyInterface || isLeaf(iface) || standsAlone(iface, wanted, all, rules),
  );
  const attachments = chosen
    .map((iface) => ({
      iface,
      directions: directionsOf(iface, rules),
      frameStart: frameStartOf(iface) ?? 'ethernet',
    }))
    .filter(({ directions }) => directions.length > 0);
  return { attachments, covered: coveredBy(hooksOf(attachments), all, rules), unreadable };
}

export const hooksOf = (attachments: readonly Attachment[]): Hook[] =>
  attachments.flatMap(({ iface, directions, frameStart }) =>
    directions.map((direction) => ({ iface, direction, frameStart })),
  );

const isExcluded = (name: string, { exclude }: InterfaceRules) => exclude.some((pattern) => pattern.matches(name));

function matchesAny(patterns: readonly NamePattern[], name: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => pattern.matches(name));
}

/** A bridge, bond or VLAN is counted on only when it was asked for, and nothing that carries its packets is. */
function standsAlone(
  iface: NetworkInterface,
  wanted: readonly NetworkInterface[],
  all: readonly NetworkInterface[],
  { include }: InterfaceRules,
): boolean {
  if (include.length === 0) return false;
  const below = devicesBelow(iface, all);
  return !wanted.some(({ index }) => below.has(index));
}

/** Indexes of all devices, direct or not, that carry the packets of a bridge, bond or VLAN. */
function devicesBelow(iface: NetworkInterface, all: readonly NetworkInterface[]): ReadonlySet<number> {
  const below = new Set<number>();
  const pending = [iface];
  for (let upper = pending.pop(); upper !== undefined; upper = pending.pop()) {
    const { index, lower, kind } = upper;
    for (const device of all) {
      const carries = device.master === index || (upperKinds.has(kind) && device.index === lower);
      if (!carries || below.has(device.index)) continue;
      below.add(device.index);
      pending.push(device);
    }
  }
  return below;
}

/** A packet on the loopback leaves and enters by the same device: it is counted as it leaves. */
function directionsOf({ loopback }: NetworkInterface, { direction, everyInterface }: InterfaceRules): HookDirection[] {
  const both: HookDirection[] = loopback && !everyInterface ? ['egress'] : ['ingress', 'egress'];
  return both.filter((one) => direction === 'both' || direction === one);
}

/** Indexes of the devices whose packets are counted as they come in when the programs hang there. */
export function coveredBy(hooks: readonly Hook[], all: readonly NetworkInterface[], rules: InterfaceRules): number[] {
  if (rules.everyInterface) return [];
  const covered = new Set<number>();
  for (const { iface, direction } of hooks) if (direction === 'ingress') covered.add(iface.index);
  // What comes in by the far end of a pair was counted as it left by the near one.
  const { farOf } = wiresAcross(all, rules.everyInterface);
  for (const { iface, direction } of hooks) {
    const far = direction === 'egress' ? farOf.get(iface.index) : undefined;
    if (far !== undefined) covered.add(far.index);
  }
  const ports = Map.groupBy(all, ({ master }) => master);
  // A bridge over a VLAN over a bond takes three rounds.
  for (let known = -1; known !== covered.size; ) {
    known = covered.size;
    for (const device of all) {
      const byPorts = ports.get(device.index)?.every(({ index }) => covered.has(index)) ?? false;
      const byLower = upperKinds.has(device.kind) && covered.has(device.lower);
      if (byPorts || byLower) covered.add(device.index);
    }
  }
  return [...covered].sort((a, b) => a - b);
}

function refuseSharedIndexes(attachments: readonly Attachment[], rules: InterfaceRules): void {
  const byKey = new Map<number, NetworkInterface>();
  for (const { iface } of attachments) {
    const other = byKey.get(iface.index & 0xffff);
    if (other !== undefined) throw sharedIndex(other, iface, rules);
    byKey.set(iface.index & 0xffff, iface);
  }
}

/** The flow key holds 16 bits of the index. */
export function sharedIndex(other: NetworkInterface, iface: NetworkInterface, { path }: InterfaceRules): WeirError {
  const both = `${other.name} (${other.index}) and ${iface.name} (${iface.index})`;
  return new WeirError('interface/conflict', `interfaces ${both} share the lower 16 bits of their index`, {
    path: `${path}::exclude_interfaces`,
    fix: `put one of them into exclude_interfaces, or create ${iface.name} again to give it another index`,
  });
}

function missing(
  name: string,
  position: number,
  all: readonly NetworkInterface[],
  { path }: InterfaceRules,
): WeirError {
  return new WeirError('interface/missing', `interface "${name}" does not exist`, {
    path: `${path}::interfaces::${position}`,
    fix: `name one of ${all.map((iface) => iface.name).join(', ')}, or a pattern such as /^eth/`,
  });
}

/** Says of each interface why it is left out. */
export function nothingLeft(all: readonly NetworkInterface[], rules: InterfaceRules): WeirError {
  const { path, direction, include } = rules;
  const why = (iface: NetworkInterface) => {
    if (isExcluded(plainName(iface), rules)) return 'excluded';
    if (!matchesAny(include, plainName(iface))) return 'not in interfaces';
    if (frameStartOf(iface) === undefined) return `unknown link type ${iface.linkType}`;
    if (iface.loopback) return `no ${direction} on the loopback`;
    return iface.kind;
  };
  const listed = all.map((iface) => `${iface.name} (${why(iface)})`).join(', ');
  const onlyLoopback = all.every(({ loopback }) => loopback);
  return new WeirError('interface/missing', `no interface is left to count on: ${listed || 'there is none'}`, {
    path: `${path}::interfaces`,
    fix: onlyLoopback
      ? 'set exclude_interfaces: [] to count on the loopback'
      : 'widen interfaces, or shorten exclude_interfaces',
  });
}
