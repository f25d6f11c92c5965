/** What arrived at an OTLP server about one exchange, with both ends as a reader sees them. */

import type { ExecutionContext } from 'ava';
import { type Sink, until } from '../e2e/agent.ts';
import type { ClusterNode } from './cluster-network.ts';
import type { VethEnd } from './network-namespace.ts';
import type { ReceivedAttributes, ReceivedPoint } from './received-points.ts';
import type { Exchange, Family } from './traffic.ts';

export const METRIC = 'beyla.network.flow.bytes';
export const UNNAMED = 'unnamed';

/** Bytes by the names that they came under, of each direction. */
export interface NamedBytes {
  readonly request: Readonly<Record<string, number>>;
  readonly response: Readonly<Record<string, number>>;
}

export interface Sent {
  readonly client: VethEnd;
  readonly family: Family;
  readonly exchange: Exchange;
  /** Where packets are taken to show the true ends, and show this port of the server; absent: its own. */
  readonly dialledPort?: number;
}

/** `Pod default/web-1 of Deployment web on node-1 192.168.1.10`, or UNNAMED; whole or not at all. */
export function endOf(attributes: ReceivedAttributes, end: 'src' | 'dst'): string {
  const of = (name: string) => attributes[`k8s.${end}.${name}`];
  const whose = ['type', 'namespace', 'name', 'owner.type', 'owner.name', 'node.name', 'node.ip'].map(of);
  if (whose.every((part) => part === undefined)) return UNNAMED;
  const [type, namespace = '', name, ownerType, ownerName, nodeName, nodeIp] = whose;
  const place = nodeName === undefined ? '' : ` on ${nodeName} ${nodeIp}`;
  return `${type} ${namespace === '' ? '' : `${namespace}/`}${name} of ${ownerType} ${ownerName}${place}`;
}

/** The ends of a flow, and the Service by which one of them was dialled. */
export function namesOf(attributes: ReceivedAttributes): string {
  const service = (end: string) => {
    const name = attributes[`k8s.${end}.service.name`];
    return name === undefined ? '' : ` [${attributes[`k8s.${end}.service.namespace`]}/${name}]`;
  };
  const [src, dst] = (['src', 'dst'] as const).map((end) => `${endOf(attributes, end)}${service(end)}`);
  return `${src} -> ${dst}`;
}

export function bytesOf(points: readonly ReceivedPoint[], sent: Sent): NamedBytes {
  const { client, family, exchange, dialledPort } = sent;
  const serverPorts: readonly unknown[] = [exchange.serverPort, dialledPort];
  const named = (end: 'src' | 'dst', other: 'src' | 'dst') => {
    const sums: Record<string, number> = {};
    for (const { metric, attributes, value } of points) {
      if (metric !== METRIC || attributes[`${end}.port`] !== exchange.clientPort) continue;
      if (attributes[`${end}.address`] !== client[family] || !serverPorts.includes(attributes[`${other}.port`]))
        continue;
      const names = namesOf(attributes);
      sums[names] = (sums[names] ?? 0) + value;
    }
    return sums;
  };
  return { request: named('src', 'dst'), response: named('dst', 'src') };
}

const sum = (values: Readonly<Record<string, number>>) => Object.values(values).reduce((all, value) => all + value, 0);

/** Waits until all bytes of an exchange have arrived; every one of them must have come under the names, and no more. */
export async function arrivesAs(t: ExecutionContext, sink: Sink, sent: Sent, request: string, response: string) {
  const { exchange } = sent;
  const arrived = () => bytesOf(sink.points(), sent);
  await until(`${request} arrives`, () => {
    const { request: there, response: back } = arrived();
    return sum(there) >= exchange.request.wireBytes && sum(back) >= exchange.response.wireBytes;
  });
  const expected = (names: string, bytes: number) => (bytes === 0 ? {} : { [names]: bytes });
  t.deepEqual(arrived(), {
    request: expected(request, exchange.request.wireBytes),
    response: expected(response, exchange.response.wireBytes),
  });
}

export const podNamed = (on: ClusterNode, name: string, owner = `Pod ${name}`) =>
  `Pod default/${name} of ${owner} on ${on.name} ${on.uplink.ipv4}`;

export const nodeNamed = ({ name, uplink }: ClusterNode) => `Node ${name} of Node ${name} on ${name} ${uplink.ipv4}`;
