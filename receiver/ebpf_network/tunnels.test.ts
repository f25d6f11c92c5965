import test from 'ava';
import { createLogger } from '../../core/telemetry/log.ts';
import type { ListedTunnels, Tunnel } from '../../native/index.ts';
import { FakeKernelTable } from './kernel-table.fake.ts';
import { createTunnelFollower } from './tunnels.ts';

const vxlan: Tunnel = {
  kind: 'vxlan',
  index: 7,
  startsAtIp: false,
  protocols: [17],
  family: 0,
  sentFrom: [0, 65_535],
  sentTo: [4789, 4789],
  receivedAt: [4789, 4789],
};

function setUp() {
  const table = new FakeKernelTable();
  const log: string[] = [];
  const logger = createLogger({ write: (line) => log.push(line) });
  const listed = { now: (): ListedTunnels => ({ tunnels: [], addresses: [], unreadable: [] }) };
  const follower = createTunnelFollower({ table, logger, listTunnels: () => listed.now() });
  return { table, log, listed, follower };
}

test('each look gives the table what there is, and a change of kinds is a line', (t) => {
  const { table, log, listed, follower } = setUp();
  follower.look();
  t.deepEqual(log, []);
  listed.now = () => ({ tunnels: [vxlan], addresses: [new Uint8Array(16)], unreadable: [] });
  follower.look();
  follower.look();
  t.deepEqual(table.tunnels, [vxlan]);
  t.is(log.length, 1);
  t.regex(log[0]!, /vxlan/);
});

test('a port that cannot be read is a warning with the fix, once', (t) => {
  const { log, listed, follower } = setUp();
  listed.now = () => ({ tunnels: [], addresses: [], unreadable: ['wg0'] });
  follower.look();
  follower.look();
  t.is(log.length, 1);
  t.regex(log[0]!, /wg0.*CAP_NET_ADMIN/);
});

test('a list that fails is a warning, once, and the table keeps what it had', (t) => {
  const { table, log, listed, follower } = setUp();
  listed.now = () => ({ tunnels: [vxlan], addresses: [], unreadable: [] });
  follower.look();
  listed.now = () => {
    throw new Error('netlink: EPERM');
  };
  follower.look();
  follower.look();
  t.deepEqual(table.tunnels, [vxlan]);
  t.is(log.filter((line) => line.includes('Cannot list tunnels')).length, 1);
});
