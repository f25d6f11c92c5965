/** Where a packet counts that crosses from one network namespace into another, both of which are counted in. */

import test from 'ava';
import type { NetworkInterface, NetworkNamespace } from '../../native/index.ts';
import { type InterfaceRules, selectInterfaces } from './interfaces.ts';
import { parseNamePattern } from './name-pattern.ts';

const namespace = (name: string, base: number): NetworkNamespace => ({
  name,
  path: `/run/netns/${name}`,
  inode: base,
  base,
});
const blue = namespace('blue', 1000);
const red = namespace('red', 2000);

/** `lower` is the other end, or the device below, by its index in the list. */
function device(
  index: number,
  name: string,
  kind: string,
  lower = 0,
  inNamespace?: NetworkNamespace,
): NetworkInterface {
  const common = { kind, lower, master: 0, loopback: false, up: true, pointToPoint: false, linkType: 1 };
  if (inNamespace === undefined) return { index, name, ...common };
  return { index: index + inNamespace.base, name: `${name}@${inNamespace.name}`, inNamespace, ...common };
}

const uplink = device(2, 'eth0', '');
const toBlue = device(5, 'veth5', 'veth', 1002);
const inBlue = device(2, 'eth0', 'veth', 5, blue);
const blueToRed = device(3, 'eth1', 'veth', 2002, blue);
const redToBlue = device(2, 'eth0', 'veth', 1003, red);
const kit = device(7, 'nk7', 'netkit', 1007);
const kitInBlue = device(7, 'eth7', 'netkit', 7, blue);
const wireguard = device(9, 'wg0', 'wireguard', 0, blue);
const macvlan = device(10, 'mac0', 'macvlan', 2, blue);
const elsewhere = device(11, 'eth2', 'veth', 0, blue);

interface Wish {
  include?: string[];
  exclude?: string[];
  direction?: InterfaceRules['direction'];
  everyInterface?: boolean;
}

function select(
  all: NetworkInterface[],
  { include = [], exclude = ['lo'], direction = 'both', ...rest }: Wish,
): string {
  const { attachments, covered } = selectInterfaces(all, {
    include: include.map(parseNamePattern),
    exclude: exclude.map(parseNamePattern),
    direction,
    everyInterface: rest.everyInterface ?? false,
    path: 'receivers::ebpf_network',
  });
  return `${attachments.map(({ iface }) => iface.name).join(' ')} | covered ${covered.join(' ')}`.trim();
}

const cases: [string, NetworkInterface[], Wish, string][] = [
  [
    "of a pair with the agent's own namespace its own end counts, and what comes in by the other is counted",
    [uplink, toBlue, inBlue],
    {},
    'eth0 veth5 | covered 2 5 1002',
  ],
  ['so it is with netkit', [uplink, kit, kitInBlue], {}, 'eth0 nk7 | covered 2 7 1007'],
  [
    'of a pair between two others the end counts that was there first',
    [uplink, blueToRed, redToBlue],
    {},
    'eth0 eth1@blue | covered 2 1003 2002',
  ],
  [
    'a pair is selected by the name of either end, which is that in its own namespace',
    [uplink, toBlue, inBlue],
    { include: ['eth0'] },
    'eth0 veth5 | covered 2 5 1002',
  ],
  [
    'a pair whose own end is excluded does not count at all',
    [uplink, toBlue, inBlue],
    { exclude: ['/^veth/'] },
    'eth0 | covered 2',
  ],
  [
    'an exclusion of the other end leaves the pair in',
    [toBlue, inBlue],
    { exclude: ['eth0'] },
    'veth5 | covered 5 1002',
  ],
  [
    'without its egress nothing that comes in by the other end was counted',
    [uplink, toBlue, inBlue],
    { direction: 'ingress' },
    'eth0 veth5 | covered 2 5',
  ],
  [
    'devices of another namespace that are no end of a pair are leaves as in the own one',
    [uplink, toBlue, inBlue, wireguard, elsewhere],
    {},
    'eth0 veth5 wg0@blue eth2@blue | covered 2 5 1002 1009 1011',
  ],
  [
    'a macvlan whose lower device is in another namespace is a view of that',
    [uplink, macvlan],
    {},
    'eth0 | covered 2 1010',
  ],
  [
    'it stands alone only where the lower device does not count',
    [uplink, macvlan],
    { include: ['mac0'] },
    'mac0@blue | covered 1010',
  ],
  [
    'where every interface counts, both ends do',
    [toBlue, inBlue],
    { everyInterface: true },
    'veth5 eth0@blue | covered',
  ],
];

for (const [title, all, wish, expected] of cases) test(title, (t) => t.is(select(all, wish), expected));
