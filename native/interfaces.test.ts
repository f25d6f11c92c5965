/** Interfaces as the kernel lists them. */

import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { enterNetworkNamespace } from '../test/support/native.ts';
import { createNetworkNamespace, removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { listInterfaces, watchInterfaces } from './index.ts';

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

const POLL_MS = 5;
const PATIENCE_MS = 10_000;

async function until(reached: () => boolean): Promise<boolean> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!reached() && performance.now() < deadlineMs) await delay(POLL_MS);
  return reached();
}

test.serial('says that something changed: an interface comes, gets a name, a master, goes up and away', async (t) => {
  let calls = 0;
  const gone = new Set<number>();
  const watch = watchInterfaces((indexes) => {
    calls++;
    for (const index of indexes) gone.add(index);
  });
  t.teardown(() => watch.close());
  const changes: [string[], () => boolean][] = [
    [['link', 'add', 'w0', 'type', 'veth', 'peer', 'name', 'w1'], () => named('w0') !== undefined],
    [['link', 'set', 'w0', 'name', 'w2'], () => named('w2') !== undefined],
    [['link', 'set', 'w2', 'master', 'br0'], () => named('w2')?.master === named('br0')!.index],
    [['link', 'set', 'w2', 'nomaster'], () => named('w2')?.master === 0],
    [['link', 'set', 'w2', 'up'], () => named('w2')?.up === true],
  ];
  for (const [words, changed] of changes) {
    const before = calls;
    ip(...words);
    t.true(await until(() => calls > before && changed()), words.join(' '));
  }
  const { index } = named('w2')!;
  t.false(gone.has(index), 'a bridge that loses a port does not lose an interface');
  ip('link', 'set', 'w2', 'netns', elsewhere.name);
  t.true(await until(() => gone.has(index)));
  elsewhere.run('ip', 'link', 'delete', 'w2');
});

test.serial('nothing is said after the close, and closing twice is once', async (t) => {
  let calls = 0;
  const closed = watchInterfaces(() => void calls++);
  closed.close();
  closed.close();
  let seen = false;
  const other = watchInterfaces(() => {
    seen = true;
    other.close();
  });
  ip('link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x1');
  t.true(await until(() => seen));
  t.is(calls, 0);
});

test.serial('a burst that nobody looked at meanwhile is told of', async (t) => {
  let last = 0;
  const watch = watchInterfaces(() => {
    last = listInterfaces().filter(({ name }) => /^y\d/.test(name)).length;
  });
  t.teardown(() => watch.close());
  const pairs = Array.from({ length: 300 }, (_, pair) => `link add y${pair} type veth peer name z${pair}\n`);
  const flaps = pairs.flatMap((_, pair) => [`link set y${pair} up\n`, `link set y${pair} down\n`]);
  // Without a look at the socket in between.
  namespace.run('sh', '-c', `ip -batch - <<'END'\n${[...pairs, ...flaps].join('')}END`);
  t.true(await until(() => last === 300));
});
