/**
 * A real name server over UDP for tests: answers PTR questions as it is told, also late, wrongly or not at all. As a
 * program, `node test/support/name-server.ts 127.0.0.1 5353 10.0.0.1=one.example 10.0.0.2=two.example`.
 */

import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

/** What it does with the question for an address. */
export type Behaviour =
  | { readonly names: readonly string[] }
  | { readonly code: 'servfail' | 'nxdomain' | 'refused' }
  /** An answer without any record. */
  | { readonly empty: true }
  /** Bytes that are no answer. */
  | { readonly garbage: true }
  | { readonly silent: true };

export interface NameServer {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Every question so far, in order: the address that was asked for. */
  readonly asked: readonly string[];
  /** Questions that came and were not answered yet. */
  held(): number;
  /** From now on answers wait until `release`. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

const PTR = 12;
const HEADER_BYTES = 12;
const codes = { servfail: 2, nxdomain: 3, refused: 5 } as const;

export async function startNameServer(
  behaviourOf: (address: string) => Behaviour,
  host = '127.0.0.1',
  port = 0,
): Promise<NameServer> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let holding = false;
  socket.on('message', (query: Buffer, peer: RemoteInfo) => {
    const { address, end } = questionOf(query);
    asked.push(address);
    const answer = () => {
      const reply = replyTo(query.subarray(0, end), behaviourOf(address));
      if (reply !== undefined) socket.send(reply, peer.port, peer.address);
    };
    if (holding) waiting.push(answer);
    else answer();
  });
  socket.bind(port, host);
  await once(socket, 'listening');
  return {
    address: `${host}:${socket.address().port}`,
    asked,
    held: () => waiting.length,
    hold: () => {
      holding = true;
    },
    release: () => {
      holding = false;
      for (const answer of waiting.splice(0)) answer();
    },
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** The address in the name of the question, and where the question ends. */
function questionOf(query: Buffer): { address: string; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  while (query[at] !== 0) {
    const length = query[at]!;
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const parts = labels.slice(0, -2).reverse();
  if (labels.at(-2) === 'in-addr') return { address: parts.join('.'), end: at + 5 };
  const groups = Array.from({ length: 8 }, (_, group) => parts.slice(4 * group, 4 * group + 4).join(''));
  return { address: groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':'), end: at + 5 };
}

function replyTo(question: Buffer, behaviour: Behaviour): Buffer | undefined {
  if ('silent' in behaviour) return undefined;
  if ('garbage' in behaviour) return Buffer.concat([question.subarray(0, 2), Buffer.from('garbage')]);
  const names = 'names' in behaviour ? behaviour.names : [];
  const reply = Buffer.from(question);
  reply.writeUInt16BE(0x8180 | ('code' in behaviour ? codes[behaviour.code] : 0), 2);
  reply.writeUInt16BE(names.length, 6);
  reply.fill(0, 8, HEADER_BYTES);
  return Buffer.concat([reply, ...names.map(recordOf)]);
}

/** A PTR record for the name of the question. */
function recordOf(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  const data = Buffer.concat([...labels, Buffer.alloc(1)]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(PTR, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(300, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

if (import.meta.main) {
  const [host = '127.0.0.1', port = '53', ...pairs] = process.argv.slice(2);
  const names = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
  const { address } = await startNameServer(
    (asked) => (names.has(asked) ? { names: [names.get(asked)!] } : { code: 'nxdomain' }),
    host,
    Number(port),
  );
  process.stdout.write(`${address}\n`);
}
