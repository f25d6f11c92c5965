import test from 'ava';
import type { NetworkInterface, NetworkNamespace } from './index.ts';
import { type Lister, listAll } from './list-interfaces.ts';

type Listed = NetworkInterface & { readonly lowerNamespace: number };

const link = (index: number, name: string, lower = 0, lowerNamespace = -1, master = 0): Listed => {
  const rest = { kind: 'veth', loopback: false, up: true, pointToPoint: false, linkType: 1 };
  return { index, name, lower, lowerNamespace, master, ...rest };
};
const space = (name: string, base: number): NetworkNamespace => ({
  name,
  path: `/run/netns/${name}`,
  inode: base,
  base,
});
const blue = space('blue', 1000);
const red = space('red', 2000);
const gone = Object.assign(new Error('gone'), { errno: 116 });

/** The host has a veth to blue, which has one to red; ids are given by each namespace for itself. */
const lister: Lister = {
  listInterfaces: (namespace) => {
    if (namespace === undefined) return [link(1, 'lo'), link(5, 'veth5', 2, 7)];
    if (namespace === blue) return [link(2, 'eth0', 5, 0), link(3, 'eth1', 2, 4), link(4, 'vlan4', 3, -1, 9)];
    return [link(2, 'eth0', 3, 1), link(3, 'eth1', 8, 6)];
  },
  namespaceIds: (others, namespace) =>
    others.map(({ name }) => {
      if (namespace === undefined) return name === 'blue' ? 7 : -1;
      if (namespace === blue) return name === '' ? 0 : name === 'red' ? 4 : -1;
      return name === 'blue' ? 1 : -1;
    }),
};

const brief = (all: readonly NetworkInterface[]) =>
  all.map(({ index, name, lower, master }) => `${index} ${name} on ${lower}${master === 0 ? '' : ` of ${master}`}`);

test('interfaces of several namespaces have indexes of their own and name each other by them', (t) => {
  t.deepEqual(brief(listAll([blue, red], lister)), [
    '1 lo on 0',
    '5 veth5 on 1002',
    '1002 eth0@blue on 5',
    '1003 eth1@blue on 2002',
    '1004 vlan4@blue on 1003 of 1009',
    '2002 eth0@red on 1003',
    '2003 eth1@red on 0',
  ]);
});

test('without other namespaces nobody is asked for ids, and what lies elsewhere is not named', (t) => {
  const namespaceIds = () => {
    throw new Error('nobody asks');
  };
  t.deepEqual(brief(listAll([], { ...lister, namespaceIds })), ['1 lo on 0', '5 veth5 on 0']);
});

test('a namespace that goes meanwhile has no interfaces', (t) => {
  const listInterfaces = (namespace?: NetworkNamespace) => {
    if (namespace === blue) throw gone;
    return lister.listInterfaces(namespace);
  };
  const names = listAll([blue, red], { ...lister, listInterfaces }).map(({ name }) => name);
  t.deepEqual(names, ['lo', 'veth5', 'eth0@red', 'eth1@red']);
});
