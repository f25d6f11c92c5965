import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type LookupFunction } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { createCertificate } from '../../test/support/certificate.ts';
import { ownConnections } from './own-connections.ts';

const LOOPBACK = '127.0.0.1';
const registry = ownConnections();

/** Connections to this port. */
const to = (port: number) => registry.list().filter(({ remotePort }) => remotePort === port);

/** A server that notes the client port of each connection it got. */
async function listen(t: ExecutionContext, host = LOOPBACK) {
  const clients: string[] = [];
  const server = net.createServer((socket) => {
    clients.push(`${socket.remoteAddress} ${socket.remotePort}`);
    socket.on('error', () => undefined).resume();
    t.teardown(() => void socket.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => void server.close());
  return { port: (server.address() as AddressInfo).port, clients, server };
}

async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const texts = (port: number) => to(port).map(({ local, localPort }) => `${local} ${localPort}`);
const ignore = () => undefined;

const dialects: Record<string, (port: number) => { destroy(): unknown }> = {
  'node:net': (port) => net.connect(port, LOOPBACK).on('error', ignore),
  'node:tls': (port) => tls.connect(port, LOOPBACK).on('error', ignore),
  'node:http': (port) => http.get({ port, host: LOOPBACK }).on('error', ignore),
  'node:https': (port) => https.get({ port, host: LOOPBACK }).on('error', ignore),
  'node:http2': (port) => http2.connect(`http://${LOOPBACK}:${port}`).on('error', ignore),
  'node:http2 with TLS': (port) => http2.connect(`https://${LOOPBACK}:${port}`).on('error', ignore),
};

for (const [name, dial] of Object.entries(dialects)) {
  test(`${name}: a connection is known while it is open and after`, async (t) => {
    const { port, clients, server } = await listen(t);
    const client = dial(port);
    await once(server, 'connection');
    t.deepEqual(texts(port), clients);
    t.is(to(port)[0]!.closedNs, undefined);
    client.destroy();
    while (to(port)[0]!.closedNs === undefined) await turn();
    t.deepEqual(texts(port), clients);
    const { openedNs, closedNs } = to(port)[0]!;
    t.true(openedNs < closedNs!);
  });
}

test('a handshake over TLS by HTTPS is one connection', async (t) => {
  const server = https
    .createServer(createCertificate(`IP:${LOOPBACK}`), (_, answer) => answer.end())
    .listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const request = https.get({ port, host: LOOPBACK, rejectUnauthorized: false });
  const [answer] = await once(request, 'response');
  answer.resume();
  t.is(to(port).length, 1);
  server.closeAllConnections();
  server.close();
});

test('an attempt is known in the turn in which connect was called, before anything came back', async (t) => {
  const { port } = await listen(t);
  const lookup: LookupFunction = (_host, _options, found) =>
    void setImmediate(found, null, [{ address: LOOPBACK, family: 4 }]);
  const attempted = new Promise<number>((resolve) => {
    const socket = net.connect({ port, host: 'server.test', lookup });
    t.teardown(() => void socket.destroy());
    // Runs before the next turn, where the answer could be read.
    socket.on('connectionAttempt', () => queueMicrotask(() => resolve(to(port).length)));
  });
  t.is(await attempted, 1);
});

test('an attempt that is refused was known all the same', async (t) => {
  const port = await closedPort();
  const [error] = await once(net.connect(port, LOOPBACK), 'error').catch((cause) => [cause]);
  t.is(error.code, 'ECONNREFUSED');
  t.is(to(port).length, 1);
  t.is(to(port)[0]!.local, LOOPBACK);
  t.not(to(port)[0]!.closedNs, undefined);
});

test('of several addresses each attempt is known', async (t) => {
  const { port, clients, server } = await listen(t);
  const addresses = ['127.0.0.2', '127.0.0.3', LOOPBACK].map((address) => ({ address, family: 4 }));
  const socket = net.connect({ port, host: 'server.test', lookup: (_host, _options, found) => found(null, addresses) });
  t.teardown(() => void socket.destroy());
  await once(server, 'connection');
  t.deepEqual(
    to(port)
      .map(({ remote, closedNs }) => `${remote} ${closedNs === undefined ? 'open' : 'closed'}`)
      .sort(),
    ['127.0.0.1 open', '127.0.0.2 closed', '127.0.0.3 closed'],
  );
  t.is(texts(port)[0], clients[0]);
});

test('the end of a connection is noticed when whoever took it over removed every listener', async (t) => {
  const { port, server } = await listen(t);
  const socket = net.connect(port, LOOPBACK);
  await once(server, 'connection');
  socket.removeAllListeners();
  socket.destroy();
  t.not(to(port)[0]!.closedNs, undefined);
});

test('connections from outside and UNIX sockets are not among them', async (t) => {
  const { port } = await listen(t);
  const before = registry.list().length;
  await once(net.connect('/nonexistent/socket'), 'error').catch(ignore);
  t.is(registry.list().filter(({ localPort }) => localPort === port).length, 0);
  t.true(registry.list().length >= before);
});
