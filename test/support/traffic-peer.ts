/**
 * The worker behind traffic.ts: one socket in one network namespace. It says what happened in messages, and does nothing
 * that it was not told to do.
 */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { on, once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { promisify } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { enterNetworkNamespace } from './native.ts';

export type PeerOrder = { readonly networkNamespace: string } & (
  | { readonly role: 'tcp-server'; readonly address: string; readonly expectedBytes: number }
  | { readonly role: 'tcp-client'; readonly address: string; readonly port: number; readonly bytes: number }
  | { readonly role: 'udp-receiver'; readonly address: string; readonly port: number; readonly answered: boolean }
  | {
      readonly role: 'udp-sender';
      readonly address: string;
      readonly port: number;
      readonly payloadBytes: number;
      readonly answered: boolean;
    }
);

export type PeerMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'received' }
  | { readonly kind: 'sent' }
  | { readonly kind: 'closed' };

/** To a tcp-client: end the connection. To a udp-sender: send this many. To a udp-receiver: expect this many. */
export type PeerCommand = { readonly kind: 'end' } | { readonly kind: 'go'; readonly datagrams: number };

const CHUNK_BYTES = 65_536;
const port = parentPort!;
const say = (message: PeerMessage) => port.postMessage(message);
const order = workerData as PeerOrder;

enterNetworkNamespace(order.networkNamespace);
switch (order.role) {
  case 'tcp-server':
    serveTcp(order.address, order.expectedBytes);
    break;
  case 'tcp-client':
    await sendTcp(order.address, order.port, order.bytes);
    break;
  case 'udp-receiver':
    await receiveUdp(order.address, order.port, order.answered);
    break;
  case 'udp-sender':
    await sendUdp(order.address, order.port, order.payloadBytes, order.answered);
    break;
}

function serveTcp(address: string, expectedBytes: number): void {
  const server = createServer((socket) => {
    server.close();
    let receivedBytes = 0;
    socket.on('data', (chunk) => {
      receivedBytes += chunk.length;
      if (receivedBytes === expectedBytes) say({ kind: 'received' });
    });
    socket.once('close', () => say({ kind: 'closed' }));
  });
  server.listen(0, address, () => say({ kind: 'ready', port: (server.address() as AddressInfo).port }));
}

async function sendTcp(address: string, serverPort: number, bytes: number): Promise<void> {
  const socket = connect(serverPort, address);
  await once(socket, 'connect');
  say({ kind: 'ready', port: socket.localPort! });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let leftBytes = bytes; leftBytes > 0; leftBytes -= CHUNK_BYTES) {
    if (!socket.write(chunk.subarray(0, leftBytes))) await once(socket, 'drain');
  }
  await once(port, 'message');
  socket.resume();
  socket.end();
  await once(socket, 'close');
  say({ kind: 'closed' });
}

async function receiveUdp(address: string, serverPort: number, answered: boolean): Promise<void> {
  const socket = datagramSocket(address);
  // Below zero while datagrams come before the word of how many to expect.
  let expected = 0;
  const add = (datagrams: number) => {
    expected += datagrams;
    if (expected === 0) say({ kind: 'received' });
  };
  port.on('message', ({ datagrams }: { datagrams: number }) => add(datagrams));
  socket.on('message', (datagram, { port: from, address: sender }) => {
    if (answered) socket.send(datagram, from, sender);
    add(-1);
  });
  socket.bind(serverPort, address);
  await once(socket, 'listening');
  say({ kind: 'ready', port: socket.address().port });
}

async function sendUdp(address: string, serverPort: number, payloadBytes: number, answered: boolean): Promise<void> {
  const socket = datagramSocket(address);
  socket.connect(serverPort, address);
  await once(socket, 'connect');
  const send = promisify<Uint8Array>(socket.send.bind(socket));
  const payload = new Uint8Array(payloadBytes);
  port.on('message', async ({ datagrams }: { datagrams: number }) => {
    // One batch at a time is on its way, so these are the answers to it.
    const answers = answered ? afterMessages(socket, datagrams) : undefined;
    for (let sent = 0; sent < datagrams; sent++) await send(payload);
    await answers;
    say({ kind: 'sent' });
  });
  say({ kind: 'ready', port: socket.address().port });
}

async function afterMessages(socket: DatagramSocket, count: number): Promise<void> {
  let left = count;
  for await (const _ of on(socket, 'message')) {
    left -= 1;
    if (left === 0) return;
  }
}

function datagramSocket(address: string): DatagramSocket {
  return createSocket(address.includes(':') ? 'udp6' : 'udp4');
}
