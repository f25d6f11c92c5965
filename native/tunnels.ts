/**
 * The tunnels of a network namespace as the kernel lists them, and which of them hold for a window: all that there were
 * at any time since the last one that was committed, so that what a device carried before it went away is not taken for
 * plain flows.
 */

import { isDeepStrictEqual } from 'node:util';
import { WeirError } from '../core/errors.ts';
import { type TunnelKind, tunnelKinds } from '../core/table/tunnel-kinds.ts';
import { integer } from './arguments.ts';

/** First and last; [0, 65535] is any, [1, 0] none. */
export type PortRange = readonly [first: number, last: number];

/** A device that is up, or a UDP port at which the kernel takes packets out of others. */
export interface Tunnel {
  readonly kind: TunnelKind;
  /** Index of the device, with the base of its namespace; 0 for a port that is of no device. */
  readonly index: number;
  /** Of the network namespace whose packets carry it, which a device may have been moved out of; absent: this process's. */
  readonly base?: number;
  /** Frames at the device, which are those inside, have no Ethernet header. */
  readonly startsAtIp: boolean;
  /** IP protocols of the packets that carry it. */
  readonly protocols: readonly number[];
  /** Of the addresses outside; 0: both. */
  readonly family: 0 | 4 | 6;
  /** 16 bytes, IPv4 as ::ffff:a.b.c.d; absent: any address of the namespace. */
  readonly local?: Uint8Array | undefined;
  /** The same; absent: anybody, or one by the packet. Over UDP, packets of others come in as well. */
  readonly remote?: Uint8Array | undefined;
  /** Source and destination ports of what it sends, destination ports of what comes in. */
  readonly sentFrom: PortRange;
  readonly sentTo: PortRange;
  readonly receivedAt: PortRange;
}

export interface TunnelList {
  readonly tunnels: readonly Tunnel[];
  /** Of all interfaces of this process's namespace, 16 bytes each; may be empty where there are no tunnels. */
  readonly addresses: readonly Uint8Array[];
  /** The same of other namespaces. */
  readonly others?: readonly NamespaceAddresses[];
}

interface NamespaceAddresses {
  readonly base: number;
  readonly addresses: readonly Uint8Array[];
}

export interface ListedTunnels extends TunnelList {
  /** Names of devices whose port the kernel does not tell this process: wireguard wants CAP_NET_ADMIN. */
  readonly unreadable: readonly string[];
}

/** What the addon takes. */
export interface CodedTunnelList extends TunnelList {
  readonly tunnels: readonly (Tunnel & { readonly code: number; readonly base: number })[];
  readonly others: readonly NamespaceAddresses[];
}

const none: TunnelList = { tunnels: [], addresses: [] };

export interface TunnelSink {
  /** For the programs, which look into packets by it as they come: at once. */
  publish(list: CodedTunnelList): void;
  /** For what is told of flows, between two collects. */
  apply(list: CodedTunnelList): void;
}

/** The sink is called when what holds is not what held before. */
export function createTunnelWindow({ publish, apply }: TunnelSink) {
  /** In force one after the other since the last commit. */
  let lists: readonly TunnelList[] = [none];
  let collected = none;
  /** Of a table that was taken over, nobody knows. */
  let applied: TunnelList | undefined;
  return {
    set(list: TunnelList): void {
      const checked = checkTunnels(list);
      if (isDeepStrictEqual(checked, lists.at(-1))) return;
      lists = [...lists, checked];
      publish(coded(joined(lists)));
    },
    collectBegins(): void {
      collected = lists.at(-1) ?? none;
      const all = lists.length === 1 ? collected : joined(lists);
      if (isDeepStrictEqual(all, applied)) return;
      publish(coded(all));
      apply(coded(all));
      applied = all;
    },
    committed(): void {
      lists = lists.slice(lists.indexOf(collected));
    },
  };
}

/** The latest first, since among tunnels that fit equally well the first one counts. */
const joined = (lists: readonly TunnelList[]): TunnelList => ({
  tunnels: lists.toReversed().flatMap(({ tunnels }) => tunnels),
  addresses: lists.flatMap(({ addresses }) => addresses),
  others: lists.flatMap(({ others = [] }) => others),
});

const coded = ({ tunnels, addresses, others = [] }: TunnelList): CodedTunnelList => ({
  addresses,
  others,
  tunnels: tunnels.map((tunnel) => ({ base: 0, ...tunnel, code: tunnelKinds.indexOf(tunnel.kind) })),
});

/** Addresses of another length would let the addon read past their end. */
function checkTunnels({ tunnels, addresses, others = [] }: TunnelList): TunnelList {
  for (const address of [addresses, ...others.map((other) => other.addresses)].flat()) checkAddress(address);
  for (const { kind, index, protocols, local, remote, sentFrom, sentTo, receivedAt } of tunnels) {
    if (!tunnelKinds.includes(kind)) throw new WeirError('native/argument', `unknown kind of tunnel "${kind}"`);
    integer('tunnel index', index, 0, 0x7fff_ffff);
    for (const protocol of protocols) integer('tunnel protocol', protocol, 0, 255);
    for (const address of [local, remote]) if (address !== undefined) checkAddress(address);
    for (const port of [sentFrom, sentTo, receivedAt].flat()) integer('tunnel port', port, 0, 65_535);
  }
  return { tunnels: [...tunnels], addresses: [...addresses], others: [...others] };
}

function checkAddress(address: Uint8Array): void {
  if (!(address instanceof Uint8Array) || address.length !== 16) {
    throw new WeirError('native/argument', 'an address of a tunnel list is not a Uint8Array of 16 bytes');
  }
}
