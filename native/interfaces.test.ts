/** Interfaces as the kernel lists them. */

import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { enterNetworkNamespace } from '../test/support/native.ts';
import { createNetworkNamespace, removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { listInterfaces } from './index.ts';

const namespace = createNetworkNamespace();
const elsewhere = createNetworkNamespace();
const ip = (...words: string[]) => namespace.run('ip', ...words);
const named = (name: string) => listInterfaces().find((iface) => iface.name === name);

test.before(() => enterNetworkNamespace(namespace.name));
test.after.always(removeNetworkNamespaces);

/** False where the kernel has no such kind. */
function create(...words: string[]): boolean {
  try {
    ip('link', 'add', ...words);
    return true;
  } catch (error) {
    if (/Unknown device type|not supported/.test(String(error))) return false;
    throw error;
  }
}

test.serial('the loopback is known as such', (t) => {
  t.deepEqual(named('lo'), {
    index: 1,
    name: 'lo',
    kind: '',
    master: 0,
    lower: 0,
    loopback: true,
    up: true,
    pointToPoint: false,
    linkType: 772,
  });
});

test.serial('a veth names its other end, unless that is in another namespace', (t) => {
  t.true(create('v0', 'type', 'veth', 'peer', 'name', 'v1'));
  t.true(create('v2', 'type', 'veth', 'peer', 'name', 'v3', 'netns', elsewhere.name));
  t.like(named('v0'), { kind: 'veth', lower: named('v1')!.index, master: 0, up: false, linkType: 1 });
  t.like(named('v2'), { kind: 'veth', lower: 0 });
});

test.serial('a port names its bridge', (t) => {
  t.true(create('br0', 'type', 'bridge'));
  ip('link', 'set', 'v0', 'master', 'br0');
  t.like(named('br0'), { kind: 'bridge', master: 0, lower: 0 });
  t.like(named('v0'), { kind: 'veth', master: named('br0')!.index });
});

test.serial('an upper device names the one below', (t) => {
  const below = named('v1')!.index;
  const uppers = [
    ['vlan', 'vlan0', 'link', 'v1', 'type', 'vlan', 'id', '5'],
    ['macvlan', 'macvlan0', 'link', 'v1', 'type', 'macvlan'],
  ] as const;
  for (const [kind, name, ...words] of uppers) {
    if (create(name, ...words)) t.like(named(name), { kind, master: 0, lower: below });
  }
  t.pass();
});

test.serial('a tunnel does not stand on the device that carries it', (t) => {
  if (!create('vxlan0', 'type', 'vxlan', 'id', '6', 'dev', 'v1', 'dstport', '4789')) return void t.pass();
  t.like(named('vxlan0'), { kind: 'vxlan', master: 0, lower: 0, linkType: 1 });
});

test.serial('a device below in another namespace is not named', (t) => {
  if (!create('macvlan1', 'link', 'v1', 'type', 'macvlan')) return void t.pass('the kernel has no macvlan');
  ip('link', 'set', 'macvlan1', 'netns', elsewhere.name);
  const seen = elsewhere.run('ip', '-o', 'link', 'show', 'macvlan1');
  t.regex(seen, /link-netns/);
  elsewhere.run('ip', 'link', 'set', 'macvlan1', 'netns', namespace.name);
  t.like(named('macvlan1'), { kind: 'macvlan', lower: named('v1')!.index });
});

test.serial('a tunnel without Ethernet headers has another link type', (t) => {
  try {
    ip('tuntap', 'add', 'tun0', 'mode', 'tun');
    ip('tuntap', 'add', 'tap0', 'mode', 'tap');
  } catch {
    return void t.pass('the kernel has no tun');
  }
  t.like(named('tun0'), { kind: 'tun', linkType: 65_534, pointToPoint: true, lower: 0 });
  t.like(named('tap0'), { kind: 'tun', linkType: 1, pointToPoint: false });
});

test.serial('lists every interface once, however many and whatever comes and goes meanwhile', async (t) => {
  const count = 100;
  const pairs = Array.from({ length: count }, (_, pair) => `link add m${pair} type veth peer name n${pair}\n`);
  namespace.run('sh', '-c', `ip -batch - <<'END'\n${pairs.join('')}END`);
  const comeAndGo = 'while :; do ip link add come type veth peer name go; ip link delete come; done';
  namespace.spawn('sh', ['-c', comeAndGo], { stdio: 'ignore' });
  for (let round = 0; round < 200; round++) {
    const names = listInterfaces().flatMap(({ name }) => (/^[mn]\d/.test(name) ? [name] : []));
    t.is(names.length, 2 * count);
    t.is(new Set(names).size, 2 * count);
    await delay(1);
  }
});
