/**
 * Who is the client of conversations that began before the agent: on the server's host its sockets tell, on another host
 * nobody does, unless guessing is asked for. Both directions always name the same two ports.
 */

import type { ChildProcess } from 'node:child_process';
import test from 'ava';
import {
  createNetworkNamespace,
  joinByVeth,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { startAgent, startSink, until } from './agent.ts';

const TCP_PORT = 7000;
const UDP_PORT = 7001;
const WINDOWS = 4;

test.after.always(removeNetworkNamespaces);

const serverScript = `
  require('net').createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(${TCP_PORT}, '::');
  const udp = require('dgram').createSocket('udp6').bind(${UDP_PORT}, () => process.stdout.write('ready'));
  udp.on('message', (message, { address, port }) => udp.send(message, port, address));
`;
const clientScript = (hosts: readonly string[]) => `
  let connected = 0;
  for (const host of ${JSON.stringify(hosts)}) {
    const tcp = require('net').connect(${TCP_PORT}, host, () => ++connected === 2 && process.stdout.write('ready'));
    const udp = require('dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
    setInterval(() => { tcp.write('a'); udp.send('a', ${UDP_PORT}, host); }, 20);
  }
`;

async function run({ namespace }: VethEnd, script: string): Promise<ChildProcess> {
  const child = namespace.spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let ready = false;
  child.stdout!.once('data', () => {
    ready = true;
  });
  await until('the peer is ready', () => ready);
  return child;
}

const config = (receiver: string) => `
receivers: {ebpf_network: {cache_active_timeout: 100ms${receiver}}}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes:
        include: [transport, network.type, src.port, dst.port, client.port, server.port, direction, direction.guessed]
exporters: {otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [otlp_grpc]}}
`;

/** `TCP ipv4 to server: request client server`, each once; client and server by what their ports are. */
function rolesOf(points: readonly ReceivedPoint[]): string[] {
  const lines = points.flatMap(({ attributes }) => {
    const { transport, direction } = attributes;
    if (transport !== 'TCP' && transport !== 'UDP') return [];
    const server = transport === 'TCP' ? TCP_PORT : UDP_PORT;
    const way = attributes['dst.port'] === server ? 'to server' : 'to client';
    const port = (name: string) => {
      const value = attributes[name];
      return value === undefined ? 'none' : value === server ? 'server' : 'client';
    };
    const told = `${port('client.port')} is client, ${port('server.port')} is server`;
    return [`${transport} ${attributes['network.type']} ${way}: ${direction}, ${told}`];
  });
  return [...new Set(lines)].sort();
}

const lines = (transport: string, roles: Readonly<Record<'to client' | 'to server', string>>) =>
  ['ipv4', 'ipv6'].flatMap((family) =>
    Object.entries(roles).map(([way, role]) => `${transport} ${family} ${way}: ${role}`),
  );

const known = {
  'to client': 'response, client is client, server is server',
  'to server': 'request, client is client, server is server',
};
const unknown = {
  'to client': 'unknown, none is client, none is server',
  'to server': 'unknown, none is client, none is server',
};

const cases = [
  { title: "on the server's host its listening sockets tell", at: 'server', receiver: '', tcp: known, guessed: [] },
  { title: 'on another host nobody tells of TCP', at: 'client', receiver: '', tcp: unknown, guessed: ['UDP'] },
  {
    title: 'on another host the ports tell when guessing is asked for',
    at: 'client',
    receiver: ', guess_ports: ordinal',
    tcp: known,
    guessed: ['TCP', 'UDP'],
  },
] as const;

for (const { title, at, receiver, tcp, guessed } of cases) {
  test.serial(`conversations that began before the agent: ${title}`, async (t) => {
    const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
    const observed = at === 'server' ? server : client;
    const peers = [await run(server, serverScript), await run(client, clientScript([server.ipv4, server.ipv6]))];
    const sink = await startSink(observed.namespace);
    t.teardown(sink.stop);
    const agent = await startAgent(observed.namespace, config(receiver));
    const expected = [...lines('TCP', tcp), ...lines('UDP', known)].sort();
    await until('some windows arrived', () => sink.points().length >= WINDOWS * expected.length);
    t.is((await agent.stop()).code, 0);
    for (const peer of peers) peer.kill();

    const points = sink.points();
    t.deepEqual(rolesOf(points), expected);
    const told = points.filter(({ attributes }) => attributes['direction.guessed'] === true);
    // Of UDP it depends on which of the two was seen first; then both directions say so.
    for (const { attributes } of told) t.true((guessed as readonly unknown[]).includes(attributes.transport));
    if (tcp === known && at === 'client') t.true(told.some(({ attributes }) => attributes.transport === 'TCP'));
  });
}
