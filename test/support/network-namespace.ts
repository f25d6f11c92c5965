/**
 * Network namespaces of tests: small hosts joined by veth pairs. Each is known by a name that no other process uses and
 * goes away with its test, with the process, or at the latest with the next test run; nothing else is touched.
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { ip, linkOf, nextInterfaceName } from './links.ts';

/** nftables; not found by name, since a node module has a command of that name, too. */
export const NFT = '/usr/sbin/nft';

const NAME_PREFIX = 'weir-test-';
const NAMES_FOLDER = '/run/netns';
/** One /24 of 10.200.0.0/16 for each pair. */
const MAX_PAIRS = 255;

/** Counters of an interface, as `ip -s link` has them: bytes with the Ethernet header, without FCS. */
export interface InterfaceStatistics {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txDropped: number;
}

export interface NetworkNamespace {
  /** As in /run/netns. */
  readonly name: string;
  /** Runs a command inside to its end and returns its standard output; throws with its standard error if it fails. */
  run(command: string, ...commandArguments: readonly string[]): string;
  /** Starts a command inside, which lives until it ends or the namespace is removed. */
  spawn(command: string, commandArguments: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Counters of /proc/net/snmp by `Protocol.Name`, such as `Tcp.OutSegs`. */
  counters(): ReadonlyMap<string, number>;
  statistics(interfaceName: string): InterfaceStatistics;
  /** Ends what was spawned and deletes the namespace; a second call does nothing. */
  remove(): void;
}

/** One end of a veth pair. */
export interface VethEnd {
  readonly namespace: NetworkNamespace;
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface VethOptions {
  /** False: every packet on the wire is a packet of its own, so that the interface's counters see it. Default true. */
  readonly offload?: boolean;
  readonly mtuBytes?: number;
  /**
   * True: nothing crosses the wire but what the test sends. Neighbours are known from the start, and the kernel has no
   * link-local address to ask for routers or announce groups from. Default false.
   */
  readonly quiet?: boolean;
  /** Each alone in its network: routes are the caller's. Default a network of the pair. */
  readonly addresses?: readonly [EndAddresses, EndAddresses];
}

export type EndAddresses = Pick<VethEnd, 'ipv4' | 'ipv6'>;

const namespaces = new Set<NetworkNamespace>();
let sequence = 0;
let pairs = 0;

/** A new namespace with its loopback up. Needs root. */
export function createNetworkNamespace(): NetworkNamespace {
  if (sequence === 0) {
    removeLeftNamespaces();
    process.once('exit', removeNetworkNamespaces);
  }
  sequence += 1;
  const name = `${NAME_PREFIX}${process.pid}-${threadId}-${sequence}`;
  const namespace = namespaceNamed(name);
  ip('netns', 'add', name);
  namespaces.add(namespace);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return namespace;
}

/** Removes every namespace that this thread made. */
export function removeNetworkNamespaces(): void {
  for (const namespace of [...namespaces]) namespace.remove();
}

/**
 * Joins two namespaces by a veth pair with an IPv4 and an IPv6 address at each end, up and usable at once. The first
 * pair of a namespace is its eth0, the next eth1.
 */
export function joinByVeth(
  left: NetworkNamespace,
  right: NetworkNamespace,
  options: VethOptions = {},
): readonly [VethEnd, VethEnd] {
  pairs += 1;
  if (pairs > MAX_PAIRS) throw new RangeError(`more than ${MAX_PAIRS} veth pairs in one test file`);
  const leftName = nextInterfaceName(left.name);
  const rightName = nextInterfaceName(right.name);
  ip('-n', left.name, 'link', 'add', leftName, 'type', 'veth', 'peer', 'name', rightName, 'netns', right.name);
  const ends = [
    { namespace: left, name: leftName, host: 1 },
    { namespace: right, name: rightName, host: 2 },
  ].map(({ namespace, name, host }) => {
    const network = {
      ipv4: `10.200.${pairs}.${host}`,
      ipv6: `fd00:200:${pairs.toString(16)}::${host}`,
      bits: [24, 64],
    };
    const alone = options.addresses && { ...options.addresses[host - 1]!, bits: [32, 128] };
    return configure(namespace, name, alone ?? network, options);
  });
  for (const { namespace, name } of ends) ip('-n', namespace.name, 'link', 'set', name, 'up');
  const [first, second] = [ends[0]!, ends[1]!];
  if (options.quiet === true) {
    introduce(first, second);
    introduce(second, first);
  }
  return [first, second];
}

/** Without IPv6 a device announces no groups and asks for no routers. Default all devices that come from here on. */
export function disableIpv6({ run }: NetworkNamespace, device = 'default'): void {
  run('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`);
}

/** Without address resolution an end must be told where the other one is. */
function introduce(end: VethEnd, other: VethEnd): void {
  for (const address of [other.ipv4, other.ipv6]) {
    const neighbour = [address, 'lladdr', other.mac, 'dev', end.name, 'nud', 'permanent'];
    ip('-n', end.namespace.name, 'neighbour', 'replace', ...neighbour);
  }
}

function configure(
  namespace: NetworkNamespace,
  name: string,
  { ipv4, ipv6, bits }: EndAddresses & { readonly bits: readonly number[] },
  options: VethOptions,
): VethEnd {
  if (options.quiet === true) {
    ip('-n', namespace.name, 'link', 'set', name, 'addrgenmode', 'none', 'arp', 'off');
  }
  ip('-n', namespace.name, 'address', 'add', `${ipv4}/${bits[0]}`, 'dev', name);
  // nodad: an address under duplicate detection cannot be used for a second.
  ip('-n', namespace.name, 'address', 'add', `${ipv6}/${bits[1]}`, 'dev', name, 'nodad');
  if (options.mtuBytes !== undefined) ip('-n', namespace.name, 'link', 'set', name, 'mtu', String(options.mtuBytes));
  if (options.offload === false) {
    for (const feature of ['tso', 'gso', 'gro']) namespace.run('ethtool', '-K', name, feature, 'off');
  }
  const link = linkOf(namespace.name, name);
  return { namespace, name, index: link.ifindex, mac: link.address, ipv4, ipv6 };
}

function namespaceNamed(name: string): NetworkNamespace {
  const children = new Set<ChildProcess>();
  const namespace: NetworkNamespace = {
    name,
    run: (command, ...commandArguments) => ip('netns', 'exec', name, command, ...commandArguments),
    spawn: (command, commandArguments, options = {}) => {
      const child = spawn('ip', ['netns', 'exec', name, command, ...commandArguments], options);
      children.add(child);
      child.once('exit', () => children.delete(child));
      return child;
    },
    counters: () => parseSnmp(namespace.run('cat', '/proc/net/snmp')),
    statistics: (interfaceName) => {
      const { rx, tx } = linkOf(name, interfaceName).stats64;
      return {
        rxBytes: rx.bytes,
        rxPackets: rx.packets,
        rxDropped: rx.dropped,
        txBytes: tx.bytes,
        txPackets: tx.packets,
        txDropped: tx.dropped,
      };
    },
    remove: () => {
      if (!namespaces.delete(namespace)) return;
      // `ip netns exec` becomes the command, so the child's id is the command's.
      for (const child of children) child.kill('SIGKILL');
      ip('netns', 'delete', name);
    },
  };
  return namespace;
}

/** Two lines a protocol: `Tcp: InSegs OutSegs`, then `Tcp: 10 12`. */
function parseSnmp(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  const lines = text.trimEnd().split('\n');
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [protocol = '', ...names] = lines[at]!.split(' ');
    const values = lines[at + 1]!.split(' ').slice(1);
    names.forEach((name, index) => {
      counters.set(`${protocol.slice(0, -1)}.${name}`, Number(values[index]));
    });
  }
  return counters;
}

/** A run that was killed could not remove its namespaces; its process id in their names says that it is gone. */
function removeLeftNamespaces(): void {
  if (!existsSync(NAMES_FOLDER)) return;
  for (const name of readdirSync(NAMES_FOLDER)) {
    const owner = new RegExp(`^${NAME_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    try {
      ip('netns', 'delete', name);
    } catch (error) {
      // Another test file may have removed it first.
      if (existsSync(`${NAMES_FOLDER}/${name}`)) throw error;
    }
  }
}
