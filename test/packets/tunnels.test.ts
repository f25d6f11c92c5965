/**
 * Which packets carry a tunnel: frames through the loaded program, judged by lists of tunnels as a kernel would give
 * them, whether or not this one has such devices.
 *
 * long: most of it is the list of frames.
 */

import test, { type ExecutionContext } from 'ava';
import type { TunnelKind } from '../../core/table/tunnel-kinds.ts';
import {
  type KernelTable,
  openKernelTable,
  type Tunnel,
  type TunnelList,
  type TunnelMode,
} from '../../native/index.ts';
import { concatBytes, ethernet, ipv4, mappedAddress, tcp, udp } from '../support/frames.ts';
import { enterNewNetworkNamespace } from '../support/native.ts';
import { A, A6, B, B6, hex, LOOPBACK, read, run, TCP, UDP, v4, v6 } from './frame-runs.ts';

const [IPIP, IPV6, GRE, DSTOPTS] = [4, 41, 47, 60];
const OTHER = '203.0.113.9';

test.before(() => enterNewNetworkNamespace());

const any = [0, 65_535] as const;
const never = [1, 0] as const;
const only = (port: number) => [port, port] as const;
const ADDRESSES = [mappedAddress(A), A6];

function tunnel(kind: TunnelKind, fields: Partial<Tunnel>): Tunnel {
  return {
    kind,
    index: 77,
    startsAtIp: false,
    protocols: [UDP],
    family: 0,
    sentFrom: any,
    sentTo: any,
    receivedAt: any,
    ...fields,
  };
}
const overUdp = (kind: TunnelKind, port: number, fields: Partial<Tunnel> = {}) =>
  tunnel(kind, { sentTo: only(port), receivedAt: only(port), ...fields });

const inner = ipv4({ src: '10.0.0.1', dst: '10.0.0.2', protocol: TCP }, tcp(1, 2, 0x10, new Uint8Array(20)));
const wrapped = concatBytes(new Uint8Array(8), inner);
/** From A, which is here, to B. */
const sentUdp = (from: number, to: number) => v4(UDP, udp(from, to, wrapped));
/** From B to A. */
const back = { src: B, dst: A };
const gotUdp = (from: number, to: number) => v4(UDP, udp(from, to, wrapped), back);
const withLimit = (next: number) => v6(DSTOPTS, concatBytes(new Uint8Array([next, 0, 4, 1, 4, 1, 0, 0]), inner));

type Carried = TunnelKind | '';
interface Case {
  title: string;
  tunnels: Tunnel[];
  sent?: readonly (readonly [Uint8Array, Carried])[];
  received?: readonly (readonly [Uint8Array, Carried])[];
}

const cases: Case[] = [
  {
    title: 'without a device GRE, IPIP, IPv6 in IPv4 and the usual UDP ports are plain flows',
    tunnels: [],
    sent: [
      [v4(GRE, wrapped), ''],
      [v4(IPIP, inner), ''],
      [v4(IPV6, inner), ''],
      [sentUdp(40_000, 4789), ''],
      [sentUdp(51_820, 51_820), ''],
    ],
  },
  {
    title: 'VXLAN: its port as destination, both ways, and no other port or protocol',
    tunnels: [overUdp('vxlan', 8472)],
    sent: [
      [sentUdp(40_000, 8472), 'vxlan'],
      [sentUdp(8472, 40_000), ''],
      [sentUdp(40_000, 4789), ''],
      [v4(TCP, tcp(40_000, 8472, 0x10, wrapped)), ''],
    ],
    received: [
      [gotUdp(40_000, 8472), 'vxlan'],
      [gotUdp(8472, 40_000), ''],
    ],
  },
  {
    title: 'VXLAN with source ports of its own: an application that sends to the same port sends plain flows',
    tunnels: [overUdp('vxlan', 4789, { sentFrom: [50_000, 50_100] })],
    sent: [
      [sentUdp(50_050, 4789), 'vxlan'],
      [sentUdp(40_000, 4789), ''],
    ],
    received: [[gotUdp(40_000, 4789), 'vxlan']],
  },
  {
    title: 'any address of the namespace serves a device without one; what is routed between others is plain',
    tunnels: [overUdp('vxlan', 4789)],
    sent: [
      [v4(UDP, udp(1, 4789, wrapped), { src: OTHER }), ''],
      [v6(UDP, udp(1, 4789, wrapped)), 'vxlan'],
    ],
    received: [
      [v4(UDP, udp(1, 4789, wrapped), { src: B, dst: OTHER }), ''],
      [sentUdp(1, 4789), ''],
    ],
  },
  {
    title: 'a device with a local address takes no other one of the namespace',
    tunnels: [overUdp('vxlan', 4789, { local: mappedAddress(OTHER) })],
    sent: [
      [sentUdp(1, 4789), ''],
      [v4(UDP, udp(1, 4789, wrapped), { src: OTHER }), 'vxlan'],
    ],
    received: [[v4(UDP, udp(1, 4789, wrapped), { src: B, dst: OTHER }), 'vxlan']],
  },
  {
    title: 'VXLAN with a multicast group: packets to the group come in, and packets to peers go out',
    tunnels: [overUdp('vxlan', 4789, { remote: mappedAddress('239.1.1.1') })],
    sent: [
      [v4(UDP, udp(1, 4789, wrapped), { dst: '239.1.1.1' }), 'vxlan'],
      [sentUdp(1, 4789), 'vxlan'],
    ],
    received: [
      [v4(UDP, udp(1, 4789, wrapped), { src: B, dst: '239.1.1.1' }), 'vxlan'],
      [v4(UDP, udp(1, 4789, wrapped), { src: B, dst: '239.1.1.2' }), ''],
    ],
  },
  {
    title: 'Geneve and bareudp, each by its port',
    tunnels: [overUdp('geneve', 6081, { remote: mappedAddress(OTHER) }), overUdp('bareudp', 6635)],
    sent: [
      [sentUdp(40_000, 6081), 'geneve'],
      [sentUdp(40_000, 6635), 'bareudp'],
    ],
    received: [[gotUdp(40_000, 6081), 'geneve']],
  },
  {
    title: 'wireguard: its listen port at this end, whatever the peer has',
    tunnels: [tunnel('wireguard', { sentFrom: only(51_820), receivedAt: only(51_820) })],
    sent: [
      [sentUdp(51_820, 7), 'wireguard'],
      [sentUdp(7, 51_820), ''],
    ],
    received: [
      [gotUdp(7, 51_820), 'wireguard'],
      [gotUdp(51_820, 7), ''],
    ],
  },
  {
    title: 'GRE with a peer: of others it is plain',
    tunnels: [
      tunnel('gre', { protocols: [GRE], family: 4, local: mappedAddress(A), remote: mappedAddress(B) }),
      tunnel('ip6gretap', { protocols: [GRE], family: 6, local: A6, remote: B6 }),
    ],
    sent: [
      [v4(GRE, wrapped), 'gre'],
      [v4(GRE, wrapped, { dst: OTHER }), ''],
      [v6(GRE, wrapped), 'ip6gretap'],
      [v4(IPIP, inner), ''],
    ],
    received: [
      [v4(GRE, wrapped, back), 'gre'],
      [v4(GRE, wrapped, { src: OTHER, dst: A }), ''],
      [v4(GRE, wrapped), ''],
    ],
  },
  {
    title: 'GRE without a peer takes anybody; one that names the peer knows better',
    tunnels: [
      tunnel('gretap', { protocols: [GRE], family: 4 }),
      tunnel('gre', { protocols: [GRE], family: 4, remote: mappedAddress(B) }),
    ],
    sent: [
      [v4(GRE, wrapped, { dst: OTHER }), 'gretap'],
      [v4(GRE, wrapped), 'gre'],
    ],
  },
  {
    title: 'IPIP, SIT and IPv4 or IPv6 in IPv6, which has a header of options before it',
    tunnels: [
      tunnel('ipip', { protocols: [IPIP], family: 4, local: mappedAddress(A), remote: mappedAddress(B) }),
      tunnel('sit', { protocols: [IPV6], family: 4 }),
      tunnel('ip6tnl', { protocols: [IPIP, IPV6], family: 6, local: A6 }),
    ],
    sent: [
      [v4(IPIP, inner), 'ipip'],
      [v4(IPV6, wrapped), 'sit'],
      [v6(IPIP, inner), 'ip6tnl'],
      [withLimit(IPIP), 'ip6tnl'],
    ],
    received: [
      [v4(IPIP, inner, back), 'ipip'],
      [v4(IPV6, wrapped, back), 'sit'],
      [v6(IPIP, inner), ''],
    ],
  },
  {
    title: 'FOU: what a device sends to its peer, and what comes in at the port of this end',
    tunnels: [
      tunnel('fou', { sentTo: only(5555), receivedAt: never, remote: mappedAddress(B) }),
      tunnel('gue', { index: 0, sentFrom: never, sentTo: never, receivedAt: only(6666) }),
    ],
    sent: [
      [sentUdp(40_000, 5555), 'fou'],
      [sentUdp(40_000, 6666), ''],
    ],
    received: [
      [gotUdp(40_000, 6666), 'gue'],
      [gotUdp(40_000, 5555), ''],
    ],
  },
];

async function open(t: ExecutionContext, tunnels: TunnelMode): Promise<KernelTable> {
  const table = await openKernelTable({ maxFlows: 1024, tunnels });
  t.teardown(() => table.close());
  return table;
}

const listOf = (...tunnels: Tunnel[]): TunnelList => ({ tunnels, addresses: ADDRESSES });

for (const { title, tunnels, sent = [], received = [] } of cases) {
  test(title, async (t) => {
    const both = await open(t, 'both');
    const innerOnly = await open(t, 'inner');
    for (const table of [both, innerOnly]) table.setTunnels(listOf(...tunnels));
    for (const [program, frames] of [
      ['egress', sent],
      ['ingress', received],
    ] as const) {
      for (const [frame, kind] of frames) {
        for (const table of [both, innerOnly]) await run(table, frame, {}, program);
        const { rows } = await read(both);
        t.deepEqual(
          rows.map((row) => row.tunnel),
          [kind],
          `${program} ${hex(frame)}`,
        );
        const { rows: plain, collected } = await read(innerOnly);
        t.is(plain.length, kind === '' ? 1 : 0);
        const place = { iface: LOOPBACK, direction: program, packets: 1, bytes: frame.length };
        t.deepEqual(collected.sums, [kind === '' ? place : { ...place, leftOut: 'tunnel' }]);
        await both.commit();
        await innerOnly.commit();
      }
    }
  });
}

const vxlan = overUdp('vxlan', 4789);
const frame = sentUdp(40_000, 4789);
const kindsOf = (rows: readonly { tunnel: string }[]) => rows.map((row) => row.tunnel);

test('a flow that is known is judged again when a device comes, and in the window after it went away', async (t) => {
  const table = await open(t, 'both');
  const send = () => run(table, frame, {}, 'egress');
  await send();
  t.deepEqual(kindsOf((await read(table)).rows), ['']);
  await table.commit();

  table.setTunnels(listOf(vxlan));
  await send();
  t.deepEqual(kindsOf((await read(table)).rows), ['vxlan']);
  await table.commit();

  await send();
  table.setTunnels(listOf());
  await send();
  t.deepEqual(kindsOf((await read(table)).rows), ['vxlan'], 'some of the window was carried by the device');
  t.deepEqual(kindsOf((await read(table)).rows), ['vxlan'], 'nothing was committed');
  await table.commit();
  await send();
  t.deepEqual(kindsOf((await read(table)).rows), ['']);
});

test('a device that came and went within one window holds for it', async (t) => {
  const table = await open(t, 'inner');
  table.setTunnels(listOf(vxlan));
  await run(table, frame, {}, 'egress');
  table.setTunnels(listOf());
  const { rows, collected } = await read(table);
  t.deepEqual(rows, []);
  t.like(collected.sums[0], { leftOut: 'tunnel', bytes: frame.length });
});

test('with outer, what is inside is left out at the tunnel device, and what carries it leaves', async (t) => {
  const table = await open(t, 'outer');
  table.setTunnels(listOf({ ...vxlan, index: LOOPBACK }));
  await run(table, v4(TCP, tcp(1, 2, 0x10, new Uint8Array(20))), {}, 'ingress');
  const { rows, collected } = await read(table);
  t.deepEqual(rows, []);
  t.like(collected.sums[0], { leftOut: 'tunnel' });

  const underlay = await open(t, 'outer');
  underlay.setTunnels(listOf(vxlan));
  await run(underlay, frame, {}, 'egress');
  const { rows: carrying } = await read(underlay);
  t.like(carrying[0], { src: hex(mappedAddress(A)), tunnel: 'vxlan', bytes: frame.length });
});

test('a large packet is measured with the headers inside from the first one on, before any read of the table', async (t) => {
  const table = await open(t, 'both');
  const [payloadBytes, segmentBytes, segments] = [60, 20, 3];
  const inside = ethernet(
    0x0800,
    ipv4({ src: '10.0.0.1', dst: '10.0.0.2', protocol: TCP }, tcp(1, 2, 0x10, new Uint8Array(payloadBytes))),
  );
  const large = v4(UDP, udp(40_000, 4789, concatBytes(new Uint8Array(8), inside)));
  table.setTunnels(listOf(vxlan));
  await run(table, large, { gsoSize: segmentBytes, gsoSegs: segments }, 'egress');
  const { rows } = await read(table);
  const headers = large.length - payloadBytes;
  t.like(rows[0], { tunnel: 'vxlan', packets: segments, bytes: large.length + (segments - 1) * headers });
});

test('lists that the addon could not take are refused', async (t) => {
  const table = await open(t, 'inner');
  const refused = { code: 'native/argument' };
  t.throws(() => table.setTunnels({ tunnels: [], addresses: [new Uint8Array(4)] }), refused);
  t.throws(() => table.setTunnels(listOf({ ...vxlan, local: new Uint8Array(4) })), refused);
  t.throws(() => table.setTunnels(listOf({ ...vxlan, kind: 'none' as TunnelKind })), refused);
  t.throws(() => table.setTunnels(listOf({ ...vxlan, protocols: [256] })), refused);
  t.throws(() => table.setTunnels(listOf({ ...vxlan, sentTo: [0, 65_536] })), refused);
});
