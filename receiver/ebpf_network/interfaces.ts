/**
 * Which interfaces are counted on, in which direction, and whose packets count as seen on entry; so that each packet
 * is counted exactly once on this node (DESIGN.md, section 4). A pure function of what the kernel lists.
 */

import { WeirError } from '../../core/errors.ts';
import type { HookDirection, NetworkInterface } from '../../native/index.ts';
import type { NamePattern } from './name-pattern.ts';

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
}

export interface InterfaceSelection {
  readonly attachments: readonly Attachment[];
  /** Indexes of devices whose packets were counted when they came in, so that they are not counted on leaving. */
  readonly covered: readonly number[];
  /** Devices that were wanted, but whose packets have no Ethernet header: the programs do not read them. */
  readonly unreadable: readonly NetworkInterface[];
}

/** ARPHRD_ETHER and ARPHRD_LOOPBACK; tun, ipip and wireguard devices have others. */
const ETHERNET_LINK_TYPES = new Set([1, 772]);

/** Devices that pass on what their ports carry. */
const masterKinds = new Set(['bridge', 'bond', 'team', 'vrf', 'openvswitch']);
/** Devices that are a view of the device they stand on: a packet goes through both. Tunnels make a packet of their own. */
const upperKinds = new Set(['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap']);

const hasEthernetHeader = ({ linkType }: NetworkInterface) => ETHERNET_LINK_TYPES.has(linkType);

const isLeaf = ({ kind }: NetworkInterface) => !masterKinds.has(kind) && !upperKinds.has(kind);

export function selectInterfaces(all: readonly NetworkInterface[], rules: InterfaceRules): InterfaceSelection {
  for (const [position, { exact }] of rules.include.entries()) {
    if (exact !== undefined && !all.some(({ name }) => name === exact)) throw missing(exact, position, all, rules);
  }
  const excluded = (name: string) => rules.exclude.some((pattern) => pattern.matches(name));
  const named = all.filter(({ name }) => !excluded(name) && matchesAny(rules.include, name));
  const wanted = named.filter(hasEthernetHeader);
  const unreadable = named.filter((iface) => !hasEthernetHeader(iface));
  const { everyInterface } = rules;
  const chosen = wanted.filter((iface) => everyInterface || isLeaf(iface) || standsAlone(iface, wanted, all, rules));
  const attachments = chosen
    .map((iface) => ({ iface, directions: directionsOf(iface, rules) }))
    .filter(({ directions }) => directions.length > 0);
  if (attachments.length === 0) throw nothingLeft(all, rules, excluded);
  refuseSharedIndexes(attachments, rules);
  return { attachments, covered: everyInterface ? [] : coveredBy(attachments, all), unreadable };
}

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

function coveredBy(attachments: readonly Attachment[], all: readonly NetworkInterface[]): number[] {
  const covered = new Set<number>();
  for (const { iface, directions } of attachments) if (directions.includes('ingress')) covered.add(iface.index);
  // A bridge over a VLAN over a bond takes three rounds.
  for (let known = -1; known !== covered.size; ) {
    known = covered.size;
    for (const device of all) {
      const ports = all.filter(({ master }) => master === device.index);
      const byPorts = ports.length > 0 && ports.every(({ index }) => covered.has(index));
      const byLower = upperKinds.has(device.kind) && covered.has(device.lower);
      if (byPorts || byLower) covered.add(device.index);
    }
  }
  return [...covered].sort((a, b) => a - b);
}

/** The flow key holds 16 bits of the index. */
function refuseSharedIndexes(attachments: readonly Attachment[], { path }: InterfaceRules): void {
  const byKey = new Map<number, NetworkInterface>();
  for (const { iface } of attachments) {
    const other = byKey.get(iface.index & 0xffff);
    if (other !== undefined) {
      const both = `${other.name} (${other.index}) and ${iface.name} (${iface.index})`;
      throw new WeirError('interface/conflict', `interfaces ${both} share the lower 16 bits of their index`, {
        path: `${path}::exclude_interfaces`,
        fix: `put one of them into exclude_interfaces, or create ${iface.name} again to give it another index`,
      });
    }
    byKey.set(iface.index & 0xffff, iface);
  }
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

function nothingLeft(
  all: readonly NetworkInterface[],
  { path, direction, include }: InterfaceRules,
  excluded: (name: string) => boolean,
): WeirError {
  const why = (iface: NetworkInterface) => {
    if (excluded(iface.name)) return 'excluded';
    if (!matchesAny(include, iface.name)) return 'not in interfaces';
    if (!hasEthernetHeader(iface)) return 'no Ethernet header';
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
