// SPDX-License-Identifier: Apache-2.0
#include "carrying_ports.h"

#include <map>
#include <string>

#include <bpf/bpf.h>

#include "failure.h"

namespace weir
{

namespace
{

// What wireguard carries is encrypted packet by packet: none of its packets has segments with headers of their own.
const std::map<std::string, carrying_framing> framings = {
    {"vxlan", CARRYING_VXLAN}, {"geneve", CARRYING_GENEVE}, {"bareudp", CARRYING_IP},
    {"fou", CARRYING_IP},      {"gue", CARRYING_GUE},
};

std::map<uint32_t, uint32_t> framings_by_port(const TunnelList &list)
{
	std::map<uint32_t, uint32_t> ports;
	for (const Tunnel &tunnel : list.tunnels) {
		const auto framing = framings.find(tunnel.kind);
		if (framing == framings.end())
			continue;
		for (const PortRange &range : {tunnel.sent_to, tunnel.received_at})
			if (range.first == range.last)
				ports.emplace(range.first, framing->second);
	}
	return ports;
}

std::map<uint32_t, uint32_t> published(int descriptor)
{
	std::map<uint32_t, uint32_t> ports;
	uint32_t key = 0, *before = nullptr;
	while (bpf_map_get_next_key(descriptor, before, &key) == 0) {
		ports[key] = 0;
		before = &key;
	}
	return ports;
}

} // namespace

void publish_carrying_ports(int ports_descriptor, const TunnelList &list)
{
	const auto wanted = framings_by_port(list);
	for (const auto &[port, _] : published(ports_descriptor))
		if (!wanted.contains(port))
			bpf_map_delete_elem(ports_descriptor, &port);
	for (const auto &[port, framing] : wanted)
		// Beyond the map's size large packets of a tunnel are measured as plain ones.
		if (bpf_map_update_elem(ports_descriptor, &port, &framing, BPF_ANY) && errno != E2BIG)
			throw Failure("bpf_map_update_elem carrying_ports", errno);
}

} // namespace weir
