/**
 * Real traffic between the two ends of a veth pair, with exact knowledge of what crossed the wire: segments, payload and
 * bytes with the Ethernet header. TCP figures come from the kernel's own counters, so nothing else may speak TCP in the
 * two namespaces during a transfer.
 */

import type { NetworkNamespace, VethEnd } from './network-namespace.ts';
import { startPeer } from './traffic-peers.ts';
import { until } from './until.ts';

export type Family = 'ipv4' | 'ipv6';

/** What went one way. */
export interface WireAmount {
  readonly segments: number;
  /** Above the transport's header, with what was sent again. */
  readonly payloadBytes: number;
  /** With all headers from Ethernet on, without FCS. */
  readonly wireBytes: number;
}

export interface Exchange {
  /** 0 for ICMP. */
  readonly clientPort: number;
  readonly serverPort: number;
  /** From the client to the server. */
  readonly request: WireAmount;
  readonly response: WireAmount;
}

interface Ends {
  readonly client: VethEnd;
  readonly server: VethEnd;
  readonly family: Family;
  /** Where the client turns to when the server listens at this port of its own address; absent: to just that. */
  readonly dial?: (serverPort: number) => Dialled;
}

export interface Dialled {
  readonly address: string;
  readonly port: number;
}

const ETHERNET_HEADER_BYTES = 14;
const IP_HEADER_BYTES = { ipv4: 20, ipv6: 40 } as const;
/** Time stamps, which every segment of a connection carries. */
const TCP_OPTION_BYTES = 12;
const TCP_HEADER_BYTES = 20 + TCP_OPTION_BYTES;
/** Segment size and window scale, in the first segment of each side. */
const TCP_SYN_EXTRA_BYTES = 8;
const UDP_HEADER_BYTES = 8;
const ICMP_ECHO_HEADER_BYTES = 8;

/** Datagrams on their way at a time: far below what a receive buffer or the kernel's backlog holds. */
const UDP_BATCH = 64;
const PING_INTERVAL_S = 0.002;
const NOTHING: WireAmount = { segments: 0, payloadBytes: 0, wireBytes: 0 };

/** Sends bytes over one TCP connection, from its first to its last segment. */
export async function tcpTransfer(transfer: Ends & { bytes: number }): Promise<Exchange> {
  const { client, server, family, bytes, dial = atItsAddress(transfer) } = transfer;
  // Selective acknowledgements make headers of any length; without them all but the first have the same.
  for (const { namespace } of [client, server]) namespace.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/tcp_sack');
  const clientSegments = segmentCounter(client.namespace);
  const serverSegments = segmentCounter(server.namespace);

  const address = server[family];
  const receiver = startPeer({ ...inside(server), role: 'tcp-server', address, expectedBytes: bytes });
  try {
    const serverPort = await receiver.ready();
    const sender = startPeer({ ...inside(client), role: 'tcp-client', ...dial(serverPort), bytes });
    try {
      const clientPort = await sender.ready();
      await receiver.expect('received');
      const payloadBytes = await acknowledgedPayload(client.namespace, clientPort, bytes);
      sender.tell({ kind: 'end' });
      await Promise.all([sender.expect('closed'), receiver.expect('closed')]);
      await until('the server forgets the connection', () => socketsOf(server.namespace, serverPort) === '');
      return {
        clientPort,
        serverPort,
        request: tcpAmount(family, clientSegments(), payloadBytes),
        response: tcpAmount(family, serverSegments(), 0),
      };
    } finally {
      await sender.stop();
    }
  } finally {
    await receiver.stop();
  }
}

/** Sends datagrams, by default to any port; resolves when all arrived, and with `answered` when each came back as well. */
export async function udpDatagrams(
  sent: Ends & { datagrams: number; payloadBytes: number; answered?: boolean; port?: number },
): Promise<Exchange> {
  const {
    client,
    server,
    family,
    datagrams,
    payloadBytes,
    answered = false,
    port = 0,
    dial = atItsAddress(sent),
  } = sent;
  const receiver = startPeer({ ...inside(server), role: 'udp-receiver', address: server[family], port, answered });
  try {
    const serverPort = await receiver.ready();
    const order = { ...dial(serverPort), payloadBytes, answered };
    const sender = startPeer({ ...inside(client), role: 'udp-sender', ...order });
    try {
      const clientPort = await sender.ready();
      for (let left = datagrams; left > 0; left -= UDP_BATCH) {
        const batch = { kind: 'go', datagrams: Math.min(left, UDP_BATCH) } as const;
        receiver.tell(batch);
        sender.tell(batch);
        await Promise.all([sender.expect('sent'), receiver.expect('received')]);
      }
      for (const peer of [sender, receiver]) peer.tell({ kind: 'end' });
      await Promise.all([sender.expect('closed'), receiver.expect('closed')]);
      const request = amount(family, datagrams, UDP_HEADER_BYTES, datagrams * payloadBytes);
      return { clientPort, serverPort, request, response: answered ? request : NOTHING };
    } finally {
      await sender.stop();
    }
  } finally {
    await receiver.stop();
  }
}

/** Sends ICMP or ICMPv6 echo requests; every one of them is answered with the same bytes. */
export function icmpEchoes({
  client,
  server,
  family,
  echoes,
  payloadBytes,
}: Ends & { echoes: number; payloadBytes: number }): Exchange {
  const count = ['-c', String(echoes), '-s', String(payloadBytes), '-i', String(PING_INTERVAL_S)];
  const said = client.namespace.run('ping', '-q', ...count, server[family]);
  if (!said.includes(` ${echoes} received`)) throw new Error(`not every echo was answered:\n${said}`);
  const each = amount(family, echoes, ICMP_ECHO_HEADER_BYTES, echoes * payloadBytes);
  return { clientPort: 0, serverPort: 0, request: each, response: each };
}

function atItsAddress({ server, family }: Ends): (serverPort: number) => Dialled {
  return (port) => ({ address: server[family], port });
}

function amount(family: Family, segments: number, transportHeaderBytes: number, payloadBytes: number): WireAmount {
  const headerBytes = ETHERNET_HEADER_BYTES + IP_HEADER_BYTES[family] + transportHeaderBytes;
  return { segments, payloadBytes, wireBytes: segments * headerBytes + payloadBytes };
}

function tcpAmount(family: Family, { segments, resets }: SentSegments, payloadBytes: number): WireAmount {
  const plain = amount(family, segments, TCP_HEADER_BYTES, payloadBytes);
  return { ...plain, wireBytes: plain.wireBytes + TCP_SYN_EXTRA_BYTES - resets * TCP_OPTION_BYTES };
}

interface SentSegments {
  readonly segments: number;
  /** Of these. A kernel that knows no connection (any more) answers a late segment with one, which has no options. */
  readonly resets: number;
}

/** TCP segments that a namespace has sent since this call. OutSegs alone leaves out what was sent again. */
function segmentCounter(namespace: NetworkNamespace): () => SentSegments {
  const read = (): SentSegments => {
    const counters = namespace.counters();
    const of = (name: string) => counters.get(`Tcp.${name}`)!;
    return { segments: of('OutSegs') + of('RetransSegs'), resets: of('OutRsts') };
  };
  const before = read();
  return () => {
    const now = read();
    return { segments: now.segments - before.segments, resets: now.resets - before.resets };
  };
}

/** Payload that went over the wire, retransmissions included, once the other side has acknowledged all of it. */
async function acknowledgedPayload(namespace: NetworkNamespace, port: number, bytes: number): Promise<number> {
  let said = '';
  await until('the server acknowledges everything', () => {
    said = socketsOf(namespace, port);
    // The connection's first segment counts as one byte here.
    return figure(said, 'bytes_acked') === bytes + 1;
  });
  const sentBytes = figure(said, 'bytes_sent');
  if (sentBytes !== bytes + figure(said, 'bytes_retrans')) throw new Error(`the socket's figures disagree:\n${said}`);
  return sentBytes;
}

function socketsOf(namespace: NetworkNamespace, port: number): string {
  return namespace.run('ss', '--tcp', '--all', '--numeric', '--info', '--no-header', `sport = :${port}`).trim();
}

/** ss leaves out figures that are zero. */
function figure(said: string, name: string): number {
  return Number(new RegExp(`\\b${name}:(\\d+)`).exec(said)?.[1] ?? 0);
}

function inside({ namespace }: VethEnd): { networkNamespace: string } {
  return { networkNamespace: namespace.name };
}
