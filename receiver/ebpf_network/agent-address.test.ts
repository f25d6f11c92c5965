import type { NetworkInterfaceInfo } from 'node:os';
import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import { type AddressConfig, type AddressSources, addressTowards, findAgentAddress } from './agent-address.ts';

function info(address: string, internal = false): NetworkInterfaceInfo {
  const common = { address, internal, mac: '00:00:00:00:00:00', cidr: null, netmask: '' };
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
}

const interfaces = {
  lo: [info('127.0.0.1', true), info('::1', true)],
  eth0: [info('fe80::1'), info('192.0.2.10'), info('2001:db8::10')],
  wg0: [info('10.8.0.2')],
};

const routes: AddressSources['addressTowards'] = async (_remote, family) =>
  family === 'udp4' ? '192.0.2.10' : '2001:db8::10';
const noRoutes: AddressSources['addressTowards'] = async () => undefined;

function find(config: Partial<AddressConfig>, sources: Partial<AddressSources> = {}) {
  return findAgentAddress(
    { agent_ip: '', agent_ip_iface: 'external', agent_ip_type: 'any', ...config },
    { interfaces, addressTowards: routes, path: 'receivers::ebpf_network', ...sources },
  );
}

test('agent_ip is taken as it is', async (t) => {
  t.is(await find({ agent_ip: '203.0.113.5', agent_ip_iface: 'name:none' }), '203.0.113.5');
});

test('external is the address that the route to the internet takes, IPv4 first', async (t) => {
  t.is(await find({}), '192.0.2.10');
  t.is(await find({ agent_ip_type: 'ipv6' }), '2001:db8::10');
  const onlyIPv6: AddressSources['addressTowards'] = async (_, family) =>
    family === 'udp6' ? '2001:db8::1' : undefined;
  t.is(await find({}, { addressTowards: onlyIPv6 }), '2001:db8::1');
});

test('external without a route falls back to the first interface, and to none at all', async (t) => {
  t.is(await find({}, { addressTowards: noRoutes }), '192.0.2.10');
  t.is(await find({}, { addressTowards: noRoutes, interfaces: { lo: interfaces.lo } }), undefined);
});

test('local is the first address outside of the loopback, a global one before a link-local one', async (t) => {
  t.is(await find({ agent_ip_iface: 'local' }), '192.0.2.10');
  t.is(await find({ agent_ip_iface: 'local', agent_ip_type: 'ipv6' }), '2001:db8::10');
  t.is(await find({ agent_ip_iface: 'local' }, { interfaces: { eth0: [info('fe80::1')] } }), 'fe80::1');
});

test('name: takes the address of that interface', async (t) => {
  t.is(await find({ agent_ip_iface: 'name:wg0' }), '10.8.0.2');
  t.is(await find({ agent_ip_iface: 'name:lo' }), '127.0.0.1');
});

test('a named interface that is not there, or has no such address, is an error with its fix', async (t) => {
  const missing = await t.throwsAsync(find({ agent_ip_iface: 'name:wlan0' }), { instanceOf: WeirError });
  t.is(missing?.code, 'interface/missing');
  t.is(missing?.fix, 'name one of lo, eth0, wg0, or set agent_ip');
  const unfit = await t.throwsAsync(find({ agent_ip_iface: 'name:wg0', agent_ip_type: 'ipv6' }));
  t.is(unfit?.message, 'interface "wg0" has no ipv6 address');
});

test('asks the real routing table without sending anything', async (t) => {
  t.is(await addressTowards('127.0.0.1', 'udp4'), '127.0.0.1');
});

// A failed connect came back like a successful one, and every agent without a default route was 0.0.0.0.
test('an address that cannot be reached has no address towards it', async (t) => {
  t.is(await addressTowards('255.255.255.255', 'udp4'), undefined);
});
