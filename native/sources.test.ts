/** The same on every kind of hook: what is counted, what is refused, and how it ends. */

import test, { type ExecutionContext } from 'ava';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethernet,
  ipv4,
  ipv6,
  tcp,
  udp,
  udpFrame,
} from '../test/support/frames.ts';
import { hookKinds } from '../test/support/hook-kinds.ts';
import { kernelGives } from '../test/support/kernel-gives.ts';
import { enterNetworkNamespace, sendFrame } from '../test/support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { flowColumns, type HookKind, type KernelTable, openKernelTable } from './index.ts';

const ROWS = 100;
const TCP = 6;
const UDP = 17;
const NO_INTERFACE = { index: 0x7fff_fff0, name: 'none' };

const [here, peer] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
const attached = () => here.namespace.run('tc', 'filter', 'show', 'dev', here.name, 'ingress');

test.before(() => enterNetworkNamespace(here.namespace.name));
test.after.always(removeNetworkNamespaces);

async function open(t: ExecutionContext, kind: HookKind): Promise<KernelTable> {
  const table = await openKernelTable({
    maxFlows: 1024,
    ...(kind === 'socket_filter' ? { source: kind } : { trafficControl: kind }),
  });
  t.teardown(() => table.close());
  t.is(table.hookKind, kind);
  return table;
}

const between = { src: peer.ipv4, dst: here.ipv4 };
const v6 = (last: number) => Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? 0xfd : at === 15 ? last : 0));
const payload = new Uint8Array(100);
const segments = tcp(40_000, 443, 0x10, new Uint8Array(5000));

const frames = [
  udpFrame({ ...between, srcPort: 1111, dstPort: 2222, payloadBytes: 100 }),
  ethernet(ETHERTYPE_IPV4, ipv4({ ...between, protocol: UDP, options: new Uint8Array(8).fill(1) }, udp(3, 4, payload))),
  ethernet(ETHERTYPE_IPV4, ipv4({ ...between, protocol: UDP, fragmentOffset: 185 }, payload)),
  ethernet(ETHERTYPE_IPV4, ipv4({ ...between, protocol: TCP }, tcp(5, 6, 0x02, payload))),
  ethernet(ETHERTYPE_IPV6, ipv6(v6(1), v6(2), UDP, udp(7, 8, payload))),
  ethernet(ETHERTYPE_ARP, new Uint8Array(46)),
  ethernet(ETHERTYPE_IPV4, ipv4({ ...between, protocol: TCP }, new Uint8Array(10))),
];
const largeSegment = ethernet(ETHERTYPE_IPV4, ipv4({ ...between, protocol: TCP }, segments));
const offload = { flags: 1, gsoType: 1, headerBytes: 54, gsoBytes: 1448, checksumStart: 34, checksumOffset: 16 };

/** Sends from the other end, so that it comes in here, and the answer of the same form goes out. */
function sendAll(): void {
  const there = { networkNamespace: peer.namespace.name, interface: peer.name };
  for (const frame of frames) {
    sendFrame({ ...there, frame, count: 3 });
    sendFrame({ interface: here.name, frame, count: 2 });
  }
  sendFrame({ ...there, frame: largeSegment, virtioNetHeader: offload, count: 3 });
}

/** Rows and ledger as text that does not depend on the order of slots. */
async function everything(table: KernelTable): Promise<string[]> {
  const columns = flowColumns(ROWS);
  const { rows, ledger } = await table.collect(columns);
  const numbers = [columns.srcPort, columns.dstPort, columns.transport, columns.direction, columns.initiator];
  const flows = Array.from({ length: rows }, (_, row) =>
    [...numbers, columns.packets, columns.bytes].map((column) => column[row]).join(' '),
  );
  return [...flows.sort(), ...ledger.map((row) => JSON.stringify(row)).sort()];
}

test.serial('frames of every form have the same rows and the same ledger on every kind of hook', async (t) => {
  const results: string[][] = [];
  for (const kind of hookKinds) {
    const table = await open(t, kind);
    table.attach(here, 'ingress');
    table.attach(here, 'egress');
    sendAll();
    await table.settle();
    results.push(await everything(table));
    await table.close();
  }
  const [first = [], ...others] = results;
  t.true(first.includes(`1111 2222 ${UDP} 0 1 3 ${3 * 142}`));
  t.true(first.includes(`40000 443 ${TCP} 0 0 ${3 * 4} ${3 * (5000 + 4 * 54)}`), 'segments of the wire');
  kernelGives(t, '`source: tc` attaches by', hookKinds[0] === 'tcx' ? 'tcx' : 'clsact: it has no tcx');
  for (const [at, other] of others.entries()) t.deepEqual(other, first, `${hookKinds[at + 1]} as ${hookKinds[0]}`);
});

for (const kind of hookKinds) {
  test.serial(`${kind}: detaching ends the counting at once, and attaching again goes on`, async (t) => {
    const table = await open(t, kind);
    const count = async () => {
      sendFrame({ networkNamespace: peer.namespace.name, interface: peer.name, frame: frames[0]!, count: 1 });
      await table.settle();
      const columns = flowColumns(ROWS);
      const { rows } = await table.collect(columns);
      return rows === 0 ? 0 : columns.packets[0]!;
    };
    table.attach(here, 'ingress');
    t.is(await count(), 1);
    table.detach(here.index, 'ingress');
    table.detach(here.index, 'ingress');
    t.is(await count(), 1);
    table.attach(here, 'ingress');
    t.is(await count(), 2);
    await table.close();
    t.is(attached(), '');
  });

  test.serial(`${kind}: an interface that does not exist is refused`, async (t) => {
    const table = await open(t, kind);
    t.throws(() => table.attach(NO_INTERFACE, 'ingress'), { code: 'interface/missing' });
  });

  test.serial(`${kind}: an interface that comes back with its old index counts again`, async (t) => {
    const table = await open(t, kind);
    const index = 4343;
    const create = () => {
      const ends = ['index', `${index}`, 'type', 'veth', 'peer', 'name', 'right'];
      here.namespace.run('ip', 'link', 'add', 'left', ...ends);
      for (const end of ['left', 'right']) {
        here.namespace.run('ip', 'link', 'set', end, 'addrgenmode', 'none', 'arp', 'off', 'up');
      }
      // Until the kernel has seen the carrier it drops what is sent, which only the packet socket knows.
      here.namespace.run('sh', '-c', 'until ip link show left | grep -q "state UP"; do :; done');
    };
    for (let round = 0; round < 2; round++) {
      create();
      table.attach({ index, name: 'left' }, 'egress');
      sendFrame({ interface: 'left', frame: frames[0]!, count: 2 });
      here.namespace.run('ip', 'link', 'delete', 'left');
    }
    await table.settle();
    const columns = flowColumns(ROWS);
    t.is((await table.collect(columns)).rows, 1);
    t.is(columns.packets[0], 4);
  });
}

test.serial('a clsact filter cannot be attached twice, so nothing counts twice', async (t) => {
  const table = await open(t, 'tc');
  table.attach(here, 'ingress');
  t.throws(() => table.attach(here, 'ingress'), { code: 'kernel/call', message: /EEXIST/ });
  t.is(attached().match(/handle/g)?.length, 1);
});

test.serial('where another queueing discipline has the place of clsact, attaching is refused', async (t) => {
  const table = await open(t, 'tc');
  here.namespace.run('tc', 'qdisc', 'add', 'dev', here.name, 'ingress');
  t.teardown(() => here.namespace.run('tc', 'qdisc', 'delete', 'dev', here.name, 'ingress'));
  const refusal = { code: 'kernel/call', message: /EEXIST.*\nanother queueing discipline has its place/ };
  for (const direction of ['ingress', 'egress'] as const) t.throws(() => table.attach(here, direction), refusal);
});
