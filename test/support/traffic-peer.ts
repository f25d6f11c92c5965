/**
 * The worker behind traffic-peers.ts: for each order one socket in one network namespace. It says what happened in messages,
 * and does nothing that it was not told to do. When it says `closed` it has left the namespace and may get another order.
 */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { EventEmitter, on, once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { promisify } from 'node:util';
import { parentPort } from 'node:worker_threads';
import { enterNetworkNamespace, leaveNetworkNamespace } from './native.ts';

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

/**
 * `end` comes to all but a tcp-server, which ends with its connection. `go` tells a udp-sender to send this many, a
 * udp-receiver to expect this many.
 */
export type PeerCommand =
  | { readonly kind: 'order'; readonly order: PeerOrder }
  | { readonly kind: 'go'; readonly datagrams: number }
  | { readonly kind: 'end' };

const CHUNK_BYTES = 65_536;
const port = parentPort!;
const say = (message: PeerMessage) => port.postMessage(message);
/** `go` with a number of datagrams, and `end`, to the order at hand. */
let commands = new EventEmitter();

port.on('message', (command: PeerCommand) => {
  if (command.kind === 'go') commands.emit('go', command.datagrams);
  else if (command.kind === 'end') commands.emit('end');
  else void carryOut(command.order);
});

/** What fails is an unhandled rejection, by which this thread ends and traffic-peers.ts hears of it. */
async function carryOut(order: PeerOrder): Promise<void> {
  commands = new EventEmitter();
  enterNetworkNamespace(order.networkNamespace);
  switch (order.role) {
    case 'tcp-server':
      await serveTcp(order.address, order.expectedBytes);
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
  // A namespace whose name is deleted lives on as long as a thread is in it.
  leaveNetworkNamespace();
  say({ kind: 'closed' });
}

async function serveTcp(address: string, expectedBytes: number): Promise<void> {
  const server = createServer((socket) => {
    server.close();
    let receivedBytes = 0;
    socket.on('data', (chunk) => {
      receivedBytes += chunk.length;
      if (receivedBytes === expectedBytes) say({ kind: 'received' });
    });
  });
  server.listen(0, address, () => say({ kind: 'ready', port: (server.address() as AddressInfo).port }));
  // With its one connection.
  await once(server, 'close');
}

async function sendTcp(address: string, serverPort: number, bytes: number): Promise<void> {
  const end = once(commands, 'end');
  const socket = connect(serverPort, address);
  await once(socket, 'connect');
  say({ kind: 'ready', port: socket.localPort! });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let leftBytes = bytes; leftBytes > 0; leftBytes -= CHUNK_BYTES) {
    if (!socket.write(chunk.subarray(0, leftBytes))) await once(socket, 'drain');
  }
  await end;
  socket.resume();
  socket.end();
  await once(socket, 'close');
}

async function receiveUdp(address: string, serverPort: number, answered: boolean): Promise<void> {
  const socket = datagramSocket(address);
  // Below zero while datagrams come before the word of how many to expect.
  let expected = 0;
  const add = (datagrams: number) => {
    expected += datagrams;
    if (expected === 0) say({ kind: 'received' });
  };
  commands.on('go', add);
  socket.on('message', (datagram, { port: from, address: sender }) => {
    if (answered) socket.send(datagram, from, sender);
    add(-1);
  });
  socket.bind(serverPort, address);
  await once(socket, 'listening');
  say({ kind: 'ready', port: socket.address().port });
  await once(commands, 'end');
  socket.close();
}

async function sendUdp(address: string, serverPort: number, payloadBytes: number, answered: boolean): Promise<void> {
  const socket = datagramSocket(address);
  socket.connect(serverPort, address);
  await once(socket, 'connect');
  const send = promisify<Uint8Array>(socket.send.bind(socket));
  const payload = new Uint8Array(payloadBytes);
  commands.on('go', async (datagrams: number) => {
    // One batch at a time is on its way, so these are the answers to it.
    const answers = answered ? afterMessages(socket, datagrams) : undefined;
    for (let sent = 0; sent < datagrams; sent++) await send(payload);
    await answers;
    say({ kind: 'sent' });
  });
  say({ kind: 'ready', port: socket.address().port });
  await once(commands, 'end');
  socket.close();
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
