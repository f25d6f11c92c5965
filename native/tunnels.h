// SPDX-License-Identifier: Apache-2.0
// Tells the packets that carry a tunnel from plain ones, by the flow's key alone: protocol, ports, and an address of a
// tunnel device that the namespace has. Without such a device GRE, IPIP or UDP 4789 is a flow as any.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "../bpf/flow.h"
#include "interner.h"

namespace weir
{

// From first to last; {1, 0} is none.
struct PortRange {
	uint16_t first = 0;
	uint16_t last = UINT16_MAX;

	bool has(uint16_t port) const
	{
		return first <= port && port <= last;
	}
};
constexpr PortRange no_port = {.first = 1, .last = 0};
constexpr PortRange port_only(uint16_t port)
{
	return {.first = port, .last = port};
}

// A device, or a UDP port at which the kernel takes packets out of others. Addresses are v6-mapped.
struct Tunnel {
	std::string kind;
	uint8_t kind_code = 0; // of a row; 0 is no tunnel
	uint32_t ifindex = 0;  // 0: of no device
	uint32_t base = 0;     // of the network namespace whose packets carry it
	// As listed: the id that the device's namespace has for that one; -1 where they are the same.
	int32_t link_namespace = -1;
	bool starts_at_ip = false; // frames at the device, inside
	std::vector<uint8_t> protocols;
	uint8_t family = 0;	       // AF_INET or AF_INET6; 0: both
	std::optional<Address> local;  // nothing: any address of the namespace
	std::optional<Address> remote; // nothing: anybody, or one by the packet
	PortRange sent_from, sent_to;  // source and destination port of what leaves
	PortRange received_at;	       // destination port of what comes in
};

struct TunnelList {
	std::vector<Tunnel> tunnels;
	std::map<uint32_t, std::set<Address>> addresses; // of a namespace, by base
};

class Tunnels
{
      public:
	void set(TunnelList list);
	// The kind of the tunnel whose packets these are, in the namespace with this base; 0 for a plain flow.
	uint8_t carried_by(const flow_key &key, uint32_t base) const;
	// Counted at a tunnel device: what is inside.
	bool is_inside(const flow_key &key) const
	{
		return devices_.contains(key.iface);
	}

	// Of a tunnel device.
	bool starts_at_ip(uint16_t iface) const
	{
		const auto found = devices_.find(iface);
		return found != devices_.end() && found->second;
	}

      private:
	bool carries(const Tunnel &tunnel, const flow_key &key) const;
	bool is_address_of(uint32_t base, const Address &address) const;

	TunnelList list_;
	std::map<uint16_t, bool> devices_; // lower 16 bits of the index; whether frames there have no Ethernet header
	std::array<bool, 256> protocols_ = {};
};

} // namespace weir
