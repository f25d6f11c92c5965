// SPDX-License-Identifier: Apache-2.0
#include "tunnels.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <endian.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weir
{

namespace
{

constexpr uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Address address_of(const uint8_t *bytes)
{
	Address address;
	std::memcpy(address.data(), bytes, address.size());
	return address;
}

bool is_v4(const Address &address)
{
	return std::memcmp(address.data(), mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool is_multicast(const Address &address)
{
	return is_v4(address) ? (address[12] & 0xf0) == 0xe0 : address[0] == 0xff;
}

} // namespace

void Tunnels::set(TunnelList list)
{
	list_ = std::move(list);
	devices_.clear();
	protocols_ = {};
	for (const Tunnel &tunnel : list_.tunnels) {
		if (tunnel.ifindex)
			devices_[static_cast<uint16_t>(tunnel.ifindex & (DEVICE_SLOTS - 1))] = tunnel.starts_at_ip;
		for (const uint8_t protocol : tunnel.protocols)
			protocols_[protocol] = true;
	}
}

// Where several fit, one that names its peer knows better than one that takes anybody's.
uint8_t Tunnels::carried_by(const flow_key &key, uint32_t base) const
{
	if (!protocols_[key.transport])
		return 0;
	const Tunnel *best = nullptr;
	const auto named = [](const Tunnel &tunnel) {
		return tunnel.local.has_value() + 2 * tunnel.remote.has_value();
	};
	for (const Tunnel &tunnel : list_.tunnels)
		if (tunnel.base == base && carries(tunnel, key) && (!best || named(tunnel) > named(*best)))
			best = &tunnel;
	return best ? best->kind_code : 0;
}

bool Tunnels::is_address_of(uint32_t base, const Address &address) const
{
	const auto found = list_.addresses.find(base);
	return found != list_.addresses.end() && found->second.contains(address);
}

bool Tunnels::carries(const Tunnel &tunnel, const flow_key &key) const
{
	if (std::find(tunnel.protocols.begin(), tunnel.protocols.end(), key.transport) == tunnel.protocols.end())
		return false;
	const bool sent = key.direction == FLOW_EGRESS;
	const uint16_t from = be16toh(key.src_port), to = be16toh(key.dst_port);
	if (sent ? !tunnel.sent_from.has(from) || !tunnel.sent_to.has(to) : !tunnel.received_at.has(to))
		return false;
	const Address here = address_of(sent ? key.src : key.dst), there = address_of(sent ? key.dst : key.src);
	if (tunnel.family && (tunnel.family == AF_INET) != is_v4(here))
		return false;
	if (!sent && tunnel.remote && is_multicast(*tunnel.remote))
		return here == *tunnel.remote;
	// What is sent over UDP may go to anybody: the address in the device is where it goes by default.
	if (tunnel.remote && key.transport != IPPROTO_UDP && there != *tunnel.remote)
		return false;
	return tunnel.local ? here == *tunnel.local : is_address_of(tunnel.base, here);
}

} // namespace weir
