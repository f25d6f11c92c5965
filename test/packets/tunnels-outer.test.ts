/**
 * `tunnels: outer`, frame by frame: what came in at one device and left through a tunnel is taken off its row, also when
 * the table was read between the two, and when the process ended then.
 */

import { execFileSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { type KernelTable, openKernelTable, type Tunnel } from '../../native/index.ts';
import { mountBpfFileSystem, unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { mappedAddress, udp } from '../support/frames.ts';
import { enterNewNetworkNamespace } from '../support/native.ts';
import { A, B, read, run, UDP, v4 } from './frame-runs.ts';

/** Where it comes in, and the device that stands for the tunnel's. */
const [POD, TUNNEL] = [1002, 1003];
const tunnel: Tunnel = {
  kind: 'vxlan',
  index: TUNNEL,
  startsAtIp: false,
  protocols: [UDP],
  family: 0,
  sentFrom: [0, 65_535],
  sentTo: [4789, 4789],
  receivedAt: [4789, 4789],
};
const frame = v4(UDP, udp(4000, 53, new Uint8Array(100)));

test.before(() => {
  enterNewNetworkNamespace();
  const ends = ['name', 'pod', 'index', `${POD}`, 'type', 'veth', 'peer', 'name', 'tunnel', 'index', `${TUNNEL}`];
  execFileSync('ip', ['link', 'add', ...ends]);
});
test.after.always(unmountBpfFileSystems);

async function open(t: ExecutionContext, path?: string): Promise<KernelTable> {
  const pin = path === undefined ? {} : { pin: { path, settings: {} } };
  const table = await openKernelTable({ maxFlows: 1024, tunnels: 'outer', ...pin });
  t.teardown(() => table.close());
  // Covered as an attached one is: only such devices are known to the programs.
  table.setCovered([POD, TUNNEL]);
  table.setTunnels({ tunnels: [tunnel], addresses: [mappedAddress(A)] });
  return table;
}

const comesIn = (table: KernelTable) => run(table, frame, { ifindex: POD });
const leavesByTunnel = (table: KernelTable) => run(table, frame, { ifindex: TUNNEL, ingressIfindex: POD }, 'egress');

/** What a window has of the pod's device, in packets: as rows, and left out. */
async function window(table: KernelTable) {
  const { rows, collected } = await read(table);
  const leftOut = collected.sums.filter(({ iface, leftOut: why }) => iface === POD && why === 'tunnel');
  await table.commit();
  return { rows: rows.length, left: leftOut.reduce((sum, { packets }) => sum + packets, 0) };
}

test('a packet that was read at the tunnel first is taken off the row that comes later', async (t) => {
  const table = await open(t);
  // The tunnel is known to the programs from the first collect on.
  t.deepEqual(await window(table), { rows: 0, left: 0 });
  await leavesByTunnel(table);
  t.deepEqual(await window(table), { rows: 0, left: 0 });
  await comesIn(table);
  t.deepEqual(await window(table), { rows: 0, left: 1 });
  await comesIn(table);
  t.deepEqual(await window(table), { rows: 1, left: 0 });
});

test('so it is where another process has the table by then', async (t) => {
  const path = `${mountBpfFileSystem()}/weir`;
  const first = await open(t, path);
  await window(first);
  for (let packet = 0; packet < 3; packet++) await leavesByTunnel(first);
  t.deepEqual(await window(first), { rows: 0, left: 0 });
  await comesIn(first);
  // Read, and not committed.
  await read(first);
  await first.close();

  const second = await open(t, path);
  // Until it has read once, programs know the tunnels of the process before.
  await leavesByTunnel(second);
  await comesIn(second);
  await comesIn(second);
  t.deepEqual(await window(second), { rows: 0, left: 3 });
  await comesIn(second);
  t.deepEqual(await window(second), { rows: 0, left: 1 }, 'three before and one after the process ended');
  await comesIn(second);
  t.deepEqual(await window(second), { rows: 1, left: 0 });
  await second.close();
});

test('what came in after a read that nobody took is not a row before it is known what left of it', async (t) => {
  const table = await open(t);
  await window(table);
  for (const packets of [1, 2]) {
    for (let packet = 0; packet < packets; packet++) {
      await comesIn(table);
      await leavesByTunnel(table);
    }
    t.deepEqual((await read(table)).rows, []);
  }
  const windows = [await window(table), await window(table)];
  t.deepEqual(
    windows.map(({ rows }) => rows),
    [0, 0],
  );
  t.is(
    windows.reduce((sum, { left }) => sum + left, 0),
    3,
  );
});

test('a packet that never comes is not waited for without end', async (t) => {
  const table = await open(t);
  await window(table);
  await run(
    table,
    v4(UDP, udp(4001, 53, new Uint8Array(100)), { src: B, dst: A }),
    { ifindex: TUNNEL, ingressIfindex: POD },
    'egress',
  );
  await leavesByTunnel(table);
  for (let windows = 0; windows < 14; windows++) t.deepEqual(await window(table), { rows: 0, left: 0 });
  await comesIn(table);
  t.deepEqual(await window(table), { rows: 1, left: 0 });
});
