/** The agent's own address, `beyla.ip`: given, or found by asking the host. */

import { createSocket } from 'node:dgram';
import type { NetworkInterfaceInfo } from 'node:os';
import { WeirError } from '../../core/errors.ts';
import type { EbpfNetworkConfig } from './config.ts';

export type AddressConfig = Pick<EbpfNetworkConfig, 'agent_ip' | 'agent_ip_iface' | 'agent_ip_type'>;

export interface AddressSources {
  /** As os.networkInterfaces() gives it. */
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** The local address that would reach that one; undefined without a route. */
  readonly addressTowards: (remote: string, family: 'udp4' | 'udp6') => Promise<string | undefined>;
  /** The receiver's path in the configuration, for errors. */
  readonly path: string;
}

/** Public resolvers: any address beyond the default route serves. */
const EXTERNAL_IPV4 = '8.8.8.8';
const EXTERNAL_IPV6 = '2001:4860:4860::8888';
const DISCARD_PORT = 9;

/** Undefined when the host has no such address: the attribute is then absent. Throws when a named interface is wrong. */
export async function findAgentAddress(config: AddressConfig, sources: AddressSources): Promise<string | undefined> {
  if (config.agent_ip !== '') return config.agent_ip;
  if (config.agent_ip_iface === 'external') {
    return (await externalAddress(config, sources)) ?? localAddress(config, sources);
  }
  if (config.agent_ip_iface === 'local') return localAddress(config, sources);
  return namedAddress(config.agent_ip_iface.slice('name:'.length), config, sources);
}

async function externalAddress({ agent_ip_type }: AddressConfig, { addressTowards }: AddressSources) {
  const ipv4 = agent_ip_type === 'ipv6' ? undefined : await addressTowards(EXTERNAL_IPV4, 'udp4');
  if (ipv4 !== undefined || agent_ip_type === 'ipv4') return ipv4;
  return addressTowards(EXTERNAL_IPV6, 'udp6');
}

function localAddress(config: AddressConfig, { interfaces }: AddressSources): string | undefined {
  const outside = Object.values(interfaces).flatMap((infos) => infos?.filter(({ internal }) => !internal) ?? []);
  return pick(outside, config);
}

function namedAddress(name: string, config: AddressConfig, { interfaces, path }: AddressSources): string {
  const place = { path: `${path}::agent_ip_iface` };
  const known = Object.keys(interfaces);
  const infos = interfaces[name];
  if (infos === undefined) {
    throw new WeirError('interface/missing', `interface "${name}" does not exist or has no address`, {
      ...place,
      fix: known.length === 0 ? 'set agent_ip' : `name one of ${known.join(', ')}, or set agent_ip`,
    });
  }
  const address = pick(infos, config);
  if (address !== undefined) return address;
  throw new WeirError('config/value', `interface "${name}" has no ${config.agent_ip_type} address`, {
    ...place,
    fix: 'set agent_ip_type to any, name another interface, or set agent_ip',
  });
}

/** A global address before a link-local one, which is not unique to the host. */
function pick(infos: readonly NetworkInterfaceInfo[], { agent_ip_type }: AddressConfig): string | undefined {
  const fitting = infos.filter(({ family }) => agent_ip_type === 'any' || family.toLowerCase() === agent_ip_type);
  return (fitting.find(({ address }) => !/^fe80:/i.test(address)) ?? fitting[0])?.address;
}

/** Connects a datagram socket, which sends nothing, and asks which address the route chose. */
export function addressTowards(remote: string, family: 'udp4' | 'udp6'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(family);
    const finish = (address: string | undefined) => {
      socket.close();
      resolve(address);
    };
    // No route, or no such family: an answer here, not a failure. It comes either way, depending on where it fails.
    const onConnect = (error?: Error) => finish(error === undefined ? socket.address().address : undefined);
    socket.once('error', () => finish(undefined));
    socket.connect(DISCARD_PORT, remote, onConnect);
  });
}
