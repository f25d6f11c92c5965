/**
 * Kinds of devices that not every kernel has, all on one host at the same time: a packet through any of them is counted
 * exactly once, with the bytes of its device, by every source that the kernel has. Each kind has a way of its own to
 * another host, and the same pings go along all of them.
 */

import { spawnSync } from 'node:child_process';
import test from 'ava';
import { until } from '../e2e/agent.ts';
import { everySource, observe, sourceNames, totalsBy } from '../e2e/every-source.ts';
import { kernelGives } from '../support/kernel-gives.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';

test.after.always(removeNetworkNamespaces);

const ECHOES = 10;
const PAYLOAD_BYTES = 56;
const ETHERNET_BYTES = 14;
const VLAN_TAG_BYTES = 4;
const ICMP_BYTES = 8 + PAYLOAD_BYTES;
/** From the IP header on: all that a device without Ethernet headers carries. */
const IPV4_BYTES = 20 + ICMP_BYTES;
const IPV6_BYTES = 40 + ICMP_BYTES;
const FRAME_BYTES = ETHERNET_BYTES + IPV4_BYTES;

type Wires = readonly (readonly [VethEnd, VethEnd])[];

/** One end of a way; `host` tells the ends apart, 1 or 2. */
interface End {
  readonly namespace: NetworkNamespace;
  readonly host: 1 | 2;
  /** The wires to the other host, by their ends here and there. */
  readonly wires: Wires;
}

interface Kind {
  readonly title: string;
  /** Bytes of an echo request or reply where it is counted. */
  readonly bytes: number;
  readonly wires?: number;
  readonly ipv6?: boolean;
  /** Makes the device of one end and returns its name; it is then brought up, with an address. */
  readonly make: (end: End) => string;
}

const ip = ({ namespace }: End, ...words: readonly string[]) => namespace.run('ip', ...words);

/** A device that stands on the first wire. */
function on(end: End, name: string, ...type: readonly string[]): string {
  ip(end, 'link', 'add', 'link', end.wires[0]![0].name, 'name', name, 'type', ...type);
  return name;
}

/** A tunnel over the first wire. */
function tunnel(end: End, name: string, type: string): string {
  const [here, there] = end.wires[0]!;
  ip(end, 'link', 'add', name, 'type', type, 'local', here.ipv4, 'remote', there.ipv4, 'ttl', '64');
  return name;
}

function qinq(end: End): string {
  const service = on(end, 'service', 'vlan', 'protocol', '802.1ad', 'id', '100');
  ip(end, 'link', 'set', service, 'up');
  ip(end, 'link', 'add', 'link', service, 'name', 'customer', 'type', 'vlan', 'id', '200');
  return 'customer';
}

function bond(end: End): string {
  ip(end, 'link', 'add', 'bond7', 'type', 'bond', 'mode', 'balance-rr', 'miimon', '100');
  for (const [{ name }] of end.wires) {
    ip(end, 'link', 'set', name, 'down');
    ip(end, 'link', 'set', name, 'master', 'bond7');
  }
  return 'bond7';
}

const kinds: readonly Kind[] = [
  {
    title: 'a VLAN',
    bytes: FRAME_BYTES + VLAN_TAG_BYTES,
    make: (end) => on(end, 'tagged', 'vlan', 'id', '100'),
  },
  { title: 'a VLAN in a VLAN', bytes: FRAME_BYTES + 2 * VLAN_TAG_BYTES, make: qinq },
  { title: 'a bond of two ports', bytes: FRAME_BYTES, wires: 2, make: bond },
  { title: 'a macvlan', bytes: FRAME_BYTES, make: (end) => on(end, 'mac7', 'macvlan', 'mode', 'bridge') },
  { title: 'gre', bytes: IPV4_BYTES, make: (end) => tunnel(end, 'gre7', 'gre') },
  { title: 'ipip', bytes: IPV4_BYTES, make: (end) => tunnel(end, 'ipip7', 'ipip') },
  { title: 'sit', bytes: IPV6_BYTES, ipv6: true, make: (end) => tunnel(end, 'sit7', 'sit') },
];

/** Addresses of both ends of the way of this number. */
const addresses = (number: number, { ipv6 = false }: Pick<Kind, 'ipv6'>) =>
  ([1, 2] as const).map((host) => (ipv6 ? `fd00:201:${number}::${host}` : `10.201.${number}.${host}`));

function use({ namespace, host }: End, name: string, number: number, { ipv6 = false }: Pick<Kind, 'ipv6'>): void {
  const address = addresses(number, { ipv6 })[host - 1]!;
  namespace.run('ip', 'link', 'set', name, 'up');
  namespace.run(
    'ip',
    'address',
    'add',
    ipv6 ? `${address}/64` : `${address}/24`,
    'dev',
    name,
    ...(ipv6 ? ['nodad'] : []),
  );
}

interface Way {
  readonly title: string;
  readonly bytes: number;
  readonly near: string;
  readonly far: string;
}

const near = createNetworkNamespace();
const far = createNetworkNamespace();

function wireUp(kind: Kind, number: number): Way {
  const wires = Array.from({ length: kind.wires ?? 1 }, () => joinByVeth(near, far));
  const ends: readonly End[] = [
    { namespace: near, host: 1, wires },
    { namespace: far, host: 2, wires: wires.map(([here, there]) => [there, here]) },
  ];
  for (const end of ends) use(end, kind.make(end), number, kind);
  const [nearAddress, farAddress] = addresses(number, kind);
  return { title: kind.title, bytes: kind.bytes, near: nearAddress!, far: farAddress! };
}

/** Keys are made by wg itself; each end knows the other's, and where it is. */
function wireguard(number: number): Way {
  const wire = joinByVeth(near, far);
  const ends: readonly End[] = [
    { namespace: near, host: 1, wires: [wire] },
    { namespace: far, host: 2, wires: [[wire[1], wire[0]]] },
  ];
  const secrets = ends.map(({ namespace }) => namespace.run('wg', 'genkey'));
  const publics = ends.map(({ namespace }, at) =>
    namespace.run('sh', '-c', `echo '${secrets[at]!.trim()}' | wg pubkey`),
  );
  for (const [at, end] of ends.entries()) {
    const [, there] = end.wires[0]!;
    ip(end, 'link', 'add', 'wg7', 'type', 'wireguard');
    const peer = `peer ${publics[1 - at]!.trim()} endpoint ${there.ipv4}:5182${1 - at} allowed-ips 0.0.0.0/0`;
    const set = `wg set wg7 listen-port 5182${at} private-key /proc/self/fd/0 ${peer}`;
    end.namespace.run('sh', '-c', `echo '${secrets[at]!.trim()}' | ${set}`);
    use(end, 'wg7', number, {});
  }
  const [nearAddress, farAddress] = addresses(number, {});
  return { title: 'wireguard', bytes: IPV4_BYTES, near: nearAddress!, far: farAddress! };
}

/** A serial line between the two hosts, with a pppd at each end of a pseudo-terminal. */
async function ppp(number: number): Promise<Way> {
  const [nearAddress, farAddress] = addresses(number, {});
  const common = 'nodetach noauth local nocrtscts nodefaultroute noipv6 noccp novj unit 7';
  const other = `ip netns exec ${far.name} pppd notty ${common} ${farAddress}:${nearAddress}`;
  near.spawn('pppd', [...common.split(' '), `${nearAddress}:${farAddress}`, 'pty', other], { stdio: 'ignore' });
  const isUp = (namespace: NetworkNamespace) => namespace.run('ip', '-4', 'address', 'show').includes(' ppp7');
  await until('both ends of the line are up', () => isUp(near) && isUp(far));
  return { title: 'PPP', bytes: IPV4_BYTES, near: nearAddress!, far: farAddress! };
}

/** A pair that the kernel makes for containers in place of veth; undefined where it does not know that kind. */
function netkit(number: number): Way | undefined {
  const made = spawnSync('ip', ['-n', near.name, 'link', 'add', 'pair', 'type', 'netkit'], { encoding: 'utf8' });
  if (made.status !== 0) {
    if (/Unknown device type|Operation not supported/.test(made.stderr)) return undefined;
    throw new Error(made.stderr);
  }
  near.run('ip', 'link', 'set', 'nk0', 'netns', far.name);
  use({ namespace: near, host: 1, wires: [] }, 'pair', number, {});
  use({ namespace: far, host: 2, wires: [] }, 'nk0', number, {});
  const [nearAddress, farAddress] = addresses(number, {});
  return { title: 'a netkit pair', bytes: FRAME_BYTES, near: nearAddress!, far: farAddress! };
}

/** Nobody but the pings speaks ICMP over IPv4, and over IPv6 nobody by these addresses but to find the other end. */
test('packets through each kind of device are counted exactly once, by every source', async (t) => {
  const ways = kinds.map((kind, at) => wireUp(kind, at + 1));
  ways.push(wireguard(101), await ppp(102));
  const pair = netkit(103);
  if (pair !== undefined) ways.push(pair);

  const run = await observe(t, near, everySource(', protocols: [ICMP, ICMPv6]'), () => {
    for (const { far: target } of ways) {
      near.run('ping', '-q', '-c', String(ECHOES), '-i', '0.01', '-s', String(PAYLOAD_BYTES), target);
    }
  });
  const expected = ways.flatMap(({ title, bytes, near: here, far: there }) =>
    [`${here} ${there}`, `${there} ${here}`].map((flow) => ({ title, flow, bytes: ECHOES * bytes, packets: ECHOES })),
  );
  for (const source of sourceNames) {
    const found = totalsBy(run, source, ['src.address', 'dst.address']);
    const counted = expected.map(({ title, flow }) => {
      return { title, flow, bytes: found.bytes.get(flow), packets: found.packets.get(flow) };
    });
    t.deepEqual(counted, expected, source);
  }
  const through = (what: string) => `so are packets through ${what}`;
  kernelGives(t, through('VLAN, QinQ, bond, macvlan, gre, ipip, sit, wireguard and PPP'), 'yes');
  kernelGives(t, through('netkit'), pair === undefined ? 'no such device' : 'yes');
});
