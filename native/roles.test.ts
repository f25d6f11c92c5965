/**
 * Which end of a flow is the client: the rule, row by row, and the sockets of this host that it asks.
 *
 * long: one rule, one table.
 */

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { isIPv4, parseAddress } from '../core/table/address.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ethernet, ipv4, ipv6, sctp, tcp, udp } from '../test/support/frames.ts';
import { enterNewNetworkNamespace, progTestRun } from '../test/support/native.ts';
import { flowColumns, type KernelTable, type KernelTableOptions, openKernelTable } from './index.ts';

const HERE = '10.0.0.1';
const FAR = '192.0.2.9';
const HERE6 = '2001:db8::1';
const FAR6 = '2001:db8:1::9';
const FLAGS = {
  SYN: 0x02,
  'SYN+ACK': 0x12,
  ACK: 0x10,
} as const;
const PROTOCOLS = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  sctp: 132,
} as const;
const ROLES = ['unknown', 'request', 'response'] as const;

/** Protocol, source, destination and, of TCP, flags; of ICMP the type takes the place of both ports. */
type Packet = readonly [keyof typeof PROTOCOLS, string, number, string, number, (keyof typeof FLAGS)?];

test.before(() => {
  enterNewNetworkNamespace();
  const ip = (...words: readonly string[]) => execFileSync('ip', words);
  ip('link', 'set', 'lo', 'up');
  ip('address', 'add', `${HERE}/24`, 'dev', 'lo');
  ip('address', 'add', `${HERE6}/64`, 'dev', 'lo', 'nodad');
});

async function openTable(t: ExecutionContext, options: Partial<KernelTableOptions> = {}): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 4096, idleWindows: 1, ...options });
  t.teardown(() => table.close());
  return table;
}

function frameOf([protocol, src, srcPort, dst, dstPort, flags = 'ACK']: Packet): Uint8Array {
  const payload = {
    tcp: () => tcp(srcPort, dstPort, FLAGS[flags], new Uint8Array(10)),
    udp: () => udp(srcPort, dstPort, new Uint8Array(10)),
    sctp: () => sctp(srcPort, dstPort, new Uint8Array(16)),
    icmp: () => Uint8Array.of(srcPort, ...new Uint8Array(63)),
    icmpv6: () => Uint8Array.of(srcPort, ...new Uint8Array(63)),
  }[protocol]();
  const number = PROTOCOLS[protocol];
  const [from, to] = [parseAddress(src)!, parseAddress(dst)!];
  if (!isIPv4(from, 0)) return ethernet(ETHERTYPE_IPV6, ipv6(from, to, number, payload));
  return ethernet(ETHERTYPE_IPV4, ipv4({ src, dst, protocol: number }, payload));
}

async function count(table: KernelTable, packets: readonly Packet[]): Promise<void> {
  for (const packet of packets) {
    const program = packet[1] === HERE || packet[1] === HERE6 ? 'network_egress' : 'network_ingress';
    await progTestRun({ programId: table.programIds[program]!, packet: frameOf(packet), repeat: 1 });
  }
}

/** Roles of the window just gone by source port; with `?` where the ports told. */
async function readRoles(table: KernelTable): Promise<Record<number, string>> {
  const columns = flowColumns(1000);
  const { rows, socketsFailure } = await table.collect(columns);
  if (socketsFailure !== undefined) throw new Error(socketsFailure);
  await table.commit();
  const roles: Record<number, string> = {};
  for (let row = 0; row < rows; row++) {
    const { srcPort, transport, initiator, guessed } = columns;
    const isIcmp = transport[row] === PROTOCOLS.icmp || transport[row] === PROTOCOLS.icmpv6;
    roles[isIcmp ? srcPort[row]! >> 8 : srcPort[row]!] = `${ROLES[initiator[row]!]}${guessed[row] === 1 ? '?' : ''}`;
  }
  return roles;
}

const table: readonly (readonly [title: string, packets: readonly Packet[], roles: Record<number, string>])[] = [
  ['SYN: its sender', [['tcp', FAR, 5000, HERE, 7000, 'SYN']], { 5000: 'request' }],
  ['SYN+ACK: its receiver', [['tcp', FAR, 5000, HERE, 7000, 'SYN+ACK']], { 5000: 'response' }],
  [
    'a handshake tells the other direction too, which has no sign of it',
    [
      ['tcp', HERE, 7000, FAR, 5000, 'ACK'],
      ['tcp', FAR, 5000, HERE, 7000, 'SYN'],
    ],
    { 5000: 'request', 7000: 'response' },
  ],
  ['TCP without a handshake', [['tcp', FAR, 40000, HERE, 7000]], { 40000: 'unknown' }],
  ['TCP to a port that listens on another host', [['tcp', HERE, 40000, FAR, 8443]], { 40000: 'unknown' }],
  ['UDP: who sent first', [['udp', HERE, 5000, FAR, 5001]], { 5000: 'request' }],
  [
    'UDP: who sent first, where both ports are those of clients',
    [
      ['udp', FAR, 51820, HERE, 40000],
      ['udp', HERE, 40000, FAR, 51820],
    ],
    { 51820: 'request', 40000: 'response' },
  ],
  [
    'UDP: a fixed port that sends first to a client port is an answer',
    [
      ['udp', FAR, 443, HERE, 40000],
      ['udp', HERE, 40000, FAR, 443],
    ],
    { 443: 'response?', 40000: 'request?' },
  ],
  ['UDP to a group: the sender, from whatever port', [['udp', HERE, 53, '224.0.0.251', 40000]], { 53: 'request' }],
  ['UDP to everyone', [['udp', HERE, 67, '255.255.255.255', 40068]], { 67: 'request' }],
  ['UDP over IPv6 to a group', [['udp', HERE6, 53, 'ff02::fb', 40000]], { 53: 'request' }],
  [
    'echo: who asks',
    [
      ['icmp', HERE, 8, FAR, 0],
      ['icmp', FAR, 0, HERE, 0],
      ['icmpv6', HERE6, 128, FAR6, 0],
      ['icmpv6', FAR6, 129, HERE6, 0],
      ['icmp', FAR, 3, HERE, 0],
      ['icmpv6', FAR6, 135, HERE6, 0],
    ],
    { 8: 'request', 0: 'response', 128: 'request', 129: 'response', 3: 'unknown', 135: 'unknown' },
  ],
  ['SCTP', [['sctp', FAR, 40000, HERE, 7000]], { 40000: 'unknown' }],
];

for (const [title, packets, roles] of table) {
  test.serial(`the client is known by: ${title}`, async (t) => {
    const kernel = await openTable(t);
    await count(kernel, packets);
    t.deepEqual(await readRoles(kernel), roles);
  });
}

test.serial(
  'guessing takes the higher port, in both directions and in any order, where nothing else tells',
  async (t) => {
    const kernel = await openTable(t, { guessPorts: true });
    await count(kernel, [
      ['tcp', FAR, 40000, HERE, 7000],
      ['sctp', FAR, 3000, HERE, 9000],
      ['tcp', FAR, 6000, HERE, 6000],
      ['tcp', FAR, 1000, HERE, 2000, 'SYN'],
      ['udp', FAR, 1500, HERE, 2500],
    ]);
    const first = await readRoles(kernel);
    t.deepEqual(first, { 40000: 'request?', 3000: 'response?', 6000: 'unknown', 1000: 'request', 1500: 'request' });
    await count(kernel, [
      ['tcp', HERE, 7000, FAR, 40000],
      ['sctp', HERE, 9000, FAR, 3000],
    ]);
    t.deepEqual(await readRoles(kernel), { 7000: 'response?', 9000: 'request?' });
  },
);

test.serial('a handshake that is seen late sets both directions right', async (t) => {
  const kernel = await openTable(t, { guessPorts: true });
  await count(kernel, [['tcp', FAR, 7000, HERE, 40000]]);
  t.deepEqual(await readRoles(kernel), { 7000: 'response?' });
  await count(kernel, [
    ['tcp', HERE, 40000, FAR, 7000, 'SYN+ACK'],
    ['tcp', FAR, 7000, HERE, 40000],
  ]);
  t.deepEqual(await readRoles(kernel), { 7000: 'request', 40000: 'response' });
});

test.serial(
  'what a conversation is stays when one direction comes later, and when both were idle and are freed',
  async (t) => {
    const kernel = await openTable(t);
    await count(kernel, [['udp', FAR, 5000, HERE, 5001]]);
    t.deepEqual(await readRoles(kernel), { 5000: 'request' });
    await count(kernel, [['udp', HERE, 5001, FAR, 5000]]);
    t.deepEqual(await readRoles(kernel), { 5001: 'response' });
    for (let window = 0; window < 5; window++) await readRoles(kernel);
    t.is((await kernel.collect(flowColumns(10))).usedSlots, 0);
    await count(kernel, [['udp', HERE, 5001, FAR, 5000]]);
    t.deepEqual(await readRoles(kernel), { 5001: 'response' });
  },
);

test.serial('conversations keep their client while the table grows', async (t) => {
  const kernel = await openTable(t, { initialSlots: 64 });
  const ports = Array.from({ length: 150 }, (_, each) => 1000 + each);
  const ask = ports.map((port): Packet => ['udp', FAR, port, HERE, 500]);
  const answer = ports.map((port): Packet => ['udp', HERE, 500 + port, FAR, port]);
  const question = ports.map((port): Packet => ['udp', FAR, port, HERE, 500 + port]);
  await count(kernel, question);
  await readRoles(kernel);
  await count(kernel, [...ask, ...answer, ...question]);
  const roles = await readRoles(kernel);
  const all = ports.flatMap((port) => [
    [port, 'request'],
    [500 + port, 'response'],
  ]);
  t.deepEqual(roles, Object.fromEntries(all));
});

const listeners = [
  { title: 'any address', at: { host: '0.0.0.0' }, v4: true, v6: false },
  { title: 'any address of both families', at: { host: '::' }, v4: true, v6: true },
  { title: 'any address of IPv6 alone', at: { host: '::', ipv6Only: true }, v4: false, v6: true },
  { title: 'this address', at: { host: HERE }, v4: true, v6: false },
  { title: 'this address of IPv6', at: { host: HERE6 }, v4: false, v6: true },
  { title: 'another address', at: { host: '127.0.0.1' }, v4: false, v6: false },
];

for (const { title, at, v4, v6 } of listeners) {
  test.serial(`a listener of this host at ${title} tells who the server is`, async (t) => {
    const kernel = await openTable(t);
    const server = createServer().listen({ port: 7000, ...at });
    await once(server, 'listening');
    t.teardown(() => server.close());
    await count(kernel, [
      ['tcp', FAR, 100, HERE, 7000],
      ['tcp', HERE6, 7000, FAR6, 200],
      // Routed through: not this host's, whatever the port.
      ['tcp', FAR, 300, '192.0.2.77', 7000],
    ]);
    const [here, here6] = [v4 ? 'request' : 'unknown', v6 ? 'response' : 'unknown'];
    t.deepEqual(await readRoles(kernel), { 100: here, 7000: here6, 300: 'unknown' });
  });
}

for (const type of ['udp4', 'udp6'] as const) {
  test.serial(`a bound ${type} socket tells who the server is, unless it may be the one that asks`, async (t) => {
    const kernel = await openTable(t);
    const [here, far] = type === 'udp4' ? [HERE, FAR] : [HERE6, FAR6];
    for (const port of [7000, 123, 50000]) {
      const socket = createSocket(type).bind(port);
      await once(socket, 'listening');
      t.teardown(() => socket.close());
    }
    await count(kernel, [
      ['udp', here, 7000, far, 40000],
      ['udp', here, 123, far, 124],
      ['udp', here, 50000, far, 53],
    ]);
    t.deepEqual(await readRoles(kernel), { 7000: 'response', 123: 'request', 50000: 'request' });
  });
}
