/**
 * Tags: one and two in the frame, and the outer one beside it, where the kernel puts it as a frame comes in. Both ends
 * of a wire agree on every byte.
 */

import test from 'ava';
import { ETHERTYPE_8021AD, ETHERTYPE_8021Q, ETHERTYPE_ARP, ethernet, tagged, tcp, udp } from '../support/frames.ts';
import { enterNetworkNamespace, sendFrame } from '../support/native.ts';
import { createNetworkNamespace, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { ACK, ledgerOf, openTable, type Row, read, run, TCP, UDP, v4, v4Row, v6, v6Row } from './frame-runs.ts';

const namespace = createNetworkNamespace();
test.before(() => enterNetworkNamespace(namespace.name));
test.after.always(removeNetworkNamespaces);

const PATIENCE_MS = 5000;
const payload = new Uint8Array(100);
const plain = v4(UDP, udp(6666, 7777, payload));
const plain6 = v6(TCP, tcp(40000, 443, ACK, payload));
const udpRow = v4Row({ transport: UDP, srcPort: 6666, dstPort: 7777 });
const tcpRow = v6Row({ srcPort: 40000, dstPort: 443 });
const inner = (frame: Uint8Array) => tagged(ETHERTYPE_8021Q, 7, frame);

const cases: { title: string; frame: Uint8Array; row: Row }[] = [
  { title: 'one tag', frame: inner(plain), row: udpRow },
  { title: 'one tag of a provider', frame: tagged(ETHERTYPE_8021AD, 9, plain), row: udpRow },
  { title: 'two tags', frame: tagged(ETHERTYPE_8021AD, 9, inner(plain)), row: udpRow },
  { title: 'two tags of the same kind', frame: tagged(ETHERTYPE_8021Q, 9, inner(plain)), row: udpRow },
  { title: 'IPv6 behind one tag', frame: inner(plain6), row: tcpRow },
  { title: 'IPv6 behind two tags', frame: tagged(ETHERTYPE_8021AD, 9, inner(plain6)), row: tcpRow },
];

for (const { title, frame, row } of cases) {
  test.serial(`counts ${title} in the frame, tag and all`, async (t) => {
    const table = await openTable(t);
    await run(table, frame);
    t.deepEqual((await read(table)).rows, [{ ...row, bytes: frame.length }]);
  });
}

test.serial('a tagged GSO packet has its tags in every segment', async (t) => {
  const table = await openTable(t);
  const frame = tagged(ETHERTYPE_8021AD, 9, inner(v4(TCP, tcp(40000, 443, ACK, new Uint8Array(3000)))));
  await run(table, frame, { gsoSize: 1000, gsoSegs: 3 });
  const bytes = 3000 + 3 * (14 + 8 + 20 + 20);
  t.deepEqual((await read(table)).rows, [v4Row({ srcPort: 40000, dstPort: 443, bytes, packets: 3 })]);
});

for (const [title, frame] of [
  ['behind a tag', inner(ethernet(ETHERTYPE_ARP, new Uint8Array(46)))],
  ['behind three tags', tagged(ETHERTYPE_8021Q, 3, tagged(ETHERTYPE_8021Q, 9, inner(plain)))],
] as const) {
  test.serial(`what is not IP ${title} is in the ledger as not_ip`, async (t) => {
    const table = await openTable(t);
    await run(table, frame);
    const { rows, collected } = await read(table);
    t.deepEqual(rows, []);
    t.deepEqual(ledgerOf(collected), { 'filtered not_ip': { bytes: frame.length, packets: 1 } });
  });
}

test.serial(
  'over a veth pair, where the outer tag leaves the frame on the way in, both ends count the same',
  async (t) => {
    namespace.run('ip', 'link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right');
    const index = (name: string) => Number(namespace.run('cat', `/sys/class/net/${name}/ifindex`));
    for (const name of ['left', 'right']) {
      namespace.run('ip', 'link', 'set', name, 'addrgenmode', 'none', 'arp', 'off', 'mtu', '9000', 'up');
    }
    for (const { title, frame, row } of [...cases, { title: 'no tag', frame: plain, row: udpRow }]) {
      const table = await openTable(t);
      table.attach({ index: index('left'), name: 'left' }, 'egress');
      table.attach({ index: index('right'), name: 'right' }, 'ingress');
      sendFrame({ interface: 'left', frame, count: 3 });
      // The other end takes frames in when its CPU gets to it.
      let rows: Row[] = [];
      const deadlineMs = performance.now() + PATIENCE_MS;
      do ({ rows } = await read(table));
      while (rows.reduce((sum, { packets }) => sum + packets, 0) < 6 && performance.now() < deadlineMs);
      const expected = (['egress', 'ingress'] as const).map((direction) => ({
        ...row,
        direction,
        bytes: 3 * frame.length,
        packets: 3,
      }));
      t.deepEqual(
        rows.sort((a, b) => a.direction.localeCompare(b.direction)),
        expected,
        title,
      );
      await table.close();
    }
  },
);

test.serial('a packet whose headers are not in its linear part counts as any other', async (t) => {
  const table = await openTable(t);
  const index = Number(namespace.run('cat', '/sys/class/net/left/ifindex'));
  table.attach({ index, name: 'left' }, 'egress');
  const long = new Uint8Array(6000);
  for (const frame of [v4(UDP, udp(6666, 7777, long)), inner(v6(TCP, tcp(40000, 443, ACK, long)))]) {
    // The kernel puts the header that it is told of into the linear part, and the rest of more than a page into others.
    const virtioNetHeader = { flags: 0, gsoType: 0, headerBytes: 14, gsoBytes: 0, checksumStart: 0, checksumOffset: 0 };
    sendFrame({ interface: 'left', frame, virtioNetHeader });
  }
  const { rows } = await read(table);
  t.deepEqual(
    rows.sort((a, b) => a.transport - b.transport),
    [
      { ...tcpRow, direction: 'egress', bytes: 14 + 4 + 40 + 20 + 6000 },
      { ...udpRow, direction: 'egress', bytes: 14 + 20 + 8 + 6000 },
    ],
  );
});
