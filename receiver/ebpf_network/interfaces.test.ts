// long: the rule of which interfaces count is tested in one place, with and without deduplication.

import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import type { NetworkInterface } from '../../native/index.ts';
import { chooseInterfaces, type InterfaceRules, nothingLeft, selectInterfaces } from './interfaces.ts';
import { parseNamePattern } from './name-pattern.ts';

function device(index: number, name: string, more: Partial<NetworkInterface> = {}): NetworkInterface {
  return {
    index,
    name,
    kind: '',
    master: 0,
    lower: 0,
    loopback: false,
    up: true,
    pointToPoint: false,
    linkType: 1,
    ...more,
  };
}

const lo = device(1, 'lo', { loopback: true, linkType: 772 });
const eth0 = device(2, 'eth0');
const eth1 = device(3, 'eth1');

interface Wish {
  include?: string[];
  exclude?: string[];
  direction?: InterfaceRules['direction'];
  everyInterface?: boolean;
}

const rules = ({
  include = [],
  exclude = ['lo'],
  direction = 'both',
  everyInterface = false,
}: Wish): InterfaceRules => ({
  include: include.map(parseNamePattern),
  exclude: exclude.map(parseNamePattern),
  direction,
  everyInterface,
  path: 'receivers::ebpf_network',
});

/** `eth0:ingress,egress lo:egress | covered 2` */
function select(all: NetworkInterface[], wish: Wish = {}): string {
  const { attachments, covered } = selectInterfaces(all, rules(wish));
  const attached = attachments.map(({ iface, directions }) => `${iface.name}:${directions.join(',')}`).join(' ');
  return `${attached} | covered ${covered.join(' ')}`.trim();
}

const node = [
  lo,
  eth0,
  device(4, 'cni0', { kind: 'bridge' }),
  device(5, 'veth1', { kind: 'veth', master: 4 }),
  device(6, 'veth2', { kind: 'veth', master: 4 }),
];
const bonded = [
  lo,
  device(2, 'eth0', { master: 7 }),
  device(3, 'eth1', { master: 7 }),
  device(7, 'bond0', { kind: 'bond' }),
  device(8, 'bond0.10', { kind: 'vlan', lower: 7, master: 9 }),
  device(9, 'br10', { kind: 'bridge' }),
];
const tunnelled = [lo, eth0, device(10, 'vxlan0', { kind: 'vxlan', lower: 2 })];

const cases: [string, NetworkInterface[], Wish, string][] = [
  [
    'attaches to leaf devices both ways, without lo',
    [lo, eth0, eth1],
    {},
    'eth0:ingress,egress eth1:ingress,egress | covered 2 3',
  ],
  [
    'leaves a bridge out and covers it when all its ports are',
    node,
    {},
    'eth0:ingress,egress veth1:ingress,egress veth2:ingress,egress | covered 2 4 5 6',
  ],
  [
    'does not cover a bridge with a port that is not counted',
    node,
    { exclude: ['lo', 'veth2'] },
    'eth0:ingress,egress veth1:ingress,egress | covered 2 5',
  ],
  [
    'does not cover a bridge without ports',
    [eth0, device(4, 'docker0', { kind: 'bridge' })],
    {},
    'eth0:ingress,egress | covered 2',
  ],
  [
    'covers bond, VLAN and bridge that stand on counted devices',
    bonded,
    {},
    'eth0:ingress,egress eth1:ingress,egress | covered 2 3 7 8 9',
  ],
  [
    'takes a tunnel device as a leaf that its lower device does not cover',
    tunnelled,
    { exclude: ['lo', 'vxlan0'] },
    'eth0:ingress,egress | covered 2',
  ],
  ['attaches to tunnel devices', tunnelled, {}, 'eth0:ingress,egress vxlan0:ingress,egress | covered 2 10'],
  [
    'covers nothing when only egress is counted',
    node,
    { direction: 'egress' },
    'eth0:egress veth1:egress veth2:egress | covered',
  ],
  ['counts ingress alone', [lo, eth0], { direction: 'ingress' }, 'eth0:ingress | covered 2'],
  ['counts lo as packets leave', [lo, eth0], { exclude: [] }, 'lo:egress eth0:ingress,egress | covered 2'],
  ['takes exact names', [lo, eth0, eth1], { include: ['eth1'] }, 'eth1:ingress,egress | covered 3'],
  ['takes patterns', node, { include: ['/^veth/'] }, 'veth1:ingress,egress veth2:ingress,egress | covered 4 5 6'],
  [
    'lets the exclusion win over an exact name',
    [lo, eth0, eth1],
    { include: ['eth0', 'eth1'], exclude: ['/0$/'] },
    'eth1:ingress,egress | covered 3',
  ],
  ['takes a bridge that is asked for alone', node, { include: ['cni0'] }, 'cni0:ingress,egress | covered 4'],
  [
    'leaves a bridge out when one of its ports is counted',
    node,
    { include: ['cni0', 'veth1'] },
    'veth1:ingress,egress | covered 5',
  ],
  [
    'takes the VLAN that is asked for alone',
    bonded,
    { include: ['bond0.10'] },
    'bond0.10:ingress,egress | covered 8 9',
  ],
  [
    'takes bridges and VLANs too where every interface counts, both ways, and covers nothing',
    bonded,
    { everyInterface: true, exclude: [] },
    'lo:ingress,egress eth0:ingress,egress eth1:ingress,egress bond0:ingress,egress bond0.10:ingress,egress br10:ingress,egress | covered',
  ],
  [
    'honours exclusions and the direction where every interface counts',
    node,
    { everyInterface: true, exclude: ['lo', '/^veth/'], direction: 'ingress' },
    'eth0:ingress cni0:ingress | covered',
  ],
  [
    'does not wait for an interface to be up',
    [device(2, 'eth0', { up: false })],
    {},
    'eth0:ingress,egress | covered 2',
  ],
];

for (const [title, all, wish, expected] of cases) test(title, (t) => t.is(select(all, wish), expected));

// The names and answers are those of Beyla's own filter test.
const beylaNames = ['eth0', 'eth1', 'eth10', 'eth11', 'br-0', 'br-1', 'br-2', 'br-10', 'eth01', 'abr-3'];
const beylaDevices = beylaNames.map((name, index) => device(index + 2, name));

test('patterns are anchored only where they say so, and names are exact', (t) => {
  const namesOf = (wish: Wish) =>
    selectInterfaces(beylaDevices, rules(wish)).attachments.map(({ iface }) => iface.name);
  t.deepEqual(namesOf({ include: ['/^eth/', '/^br-/'], exclude: ['eth1', '/^br-1/'] }), [
    'eth0',
    'eth10',
    'eth11',
    'br-0',
    'br-2',
    'eth01',
  ]);
  t.deepEqual(namesOf({ include: ['eth0', '/^br-/'], exclude: [] }), ['eth0', 'br-0', 'br-1', 'br-2', 'br-10']);
});

function failure(t: import('ava').ExecutionContext, all: NetworkInterface[], wish: Wish): WeirError {
  const error = t.throws(() => select(all, wish), { instanceOf: WeirError });
  if (error === undefined) throw new Error('no failure');
  return error;
}

test('an exact name that does not exist is an error that lists what does', (t) => {
  const error = failure(t, [lo, eth0], { include: ['etho'] });
  t.is(
    error.report(),
    'interface "etho" does not exist\n' +
      '  receivers::ebpf_network::interfaces::0   name one of lo, eth0, or a pattern such as /^eth/   [interface/missing]',
  );
});

test('a name that is only excluded need not exist', (t) => {
  t.is(select([eth0], { exclude: ['lo', 'wlan0'] }), 'eth0:ingress,egress | covered 2');
});

test('no interface left of those that are named is an error that says why each was left out', (t) => {
  const error = failure(t, node, { include: ['eth0', 'cni0'], exclude: ['lo', 'eth0', '/^cni/'] });
  t.is(error.code, 'interface/missing');
  t.is(
    error.message,
    'no interface is left to count on: lo (excluded), eth0 (excluded), cni0 (excluded), veth1 (not in interfaces), veth2 (not in interfaces)',
  );
});

test('where one that fits may come later, none is no error', (t) => {
  t.is(select(node, { include: ['/^wlan/'] }), '| covered');
  t.is(select([lo]), '| covered');
});

test('a namespace with only the loopback is told how to count on it', (t) => {
  t.is(nothingLeft([lo], rules({})).fix, 'set exclude_interfaces: [] to count on the loopback');
});

test('while running, a name that is missing is waited for', (t) => {
  const { attachments } = chooseInterfaces([lo, eth0], rules({ include: ['eth0', 'eth1'] }));
  t.deepEqual(
    attachments.map(({ iface }) => iface.name),
    ['eth0'],
  );
});

test('two interfaces with the same lower 16 bits of their index are a conflict', (t) => {
  const error = failure(t, [eth0, device(2 + 65_536, 'veth9')], {});
  t.is(error.code, 'interface/conflict');
  t.is(error.message, 'interfaces eth0 (2) and veth9 (65538) share the lower 16 bits of their index');
});

test('a conflict with an interface that is not counted does not matter', (t) => {
  t.notThrows(() => select([eth0, device(2 + 65_536, 'veth9')], { exclude: ['veth9'] }));
});

const linkTypes: [string, Partial<NetworkInterface>, 'ethernet' | 'ip' | undefined][] = [
  ['hardware', { linkType: 1 }, 'ethernet'],
  ['tun or wireguard', { linkType: 65_534 }, 'ip'],
  ['ipip', { linkType: 768, pointToPoint: true }, 'ip'],
  ['ip6tnl', { linkType: 769 }, 'ip'],
  ['sit', { linkType: 776 }, 'ip'],
  ['PPP', { linkType: 512, pointToPoint: true }, 'ip'],
  ['mobile broadband', { linkType: 519 }, 'ip'],
  ['GRE with one peer', { linkType: 778, pointToPoint: true }, 'ip'],
  ['GRE with any peer', { linkType: 778 }, undefined],
  ['GRE over IPv6 with any peer', { linkType: 823 }, undefined],
  ['CAN', { linkType: 280 }, undefined],
];

for (const [title, more, frameStart] of linkTypes) {
  test(`a device of the link type of ${title} is read from ${frameStart ?? 'nowhere'} on`, (t) => {
    const { attachments, unreadable } = selectInterfaces([eth0, device(7, 'x0', more)], rules({}));
    t.is(attachments.find(({ iface }) => iface.name === 'x0')?.frameStart, frameStart);
    t.deepEqual(
      unreadable.map(({ name }) => name),
      frameStart === undefined ? ['x0'] : [],
    );
  });
}

test('no interface left names the link type that is not known', (t) => {
  t.regex(nothingLeft([device(7, 'can0', { linkType: 280 })], rules({})).message, /can0 \(unknown link type 280\)/);
});
