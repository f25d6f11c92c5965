// SPDX-License-Identifier: Apache-2.0
#include "tunnel_devices.h"

#include <map>
#include <optional>
#include <utility>

#include <linux/fou.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <netinet/in.h>

#include "generic_netlink.h"
#include "netlink_attributes.h"
#include "netlink_dump.h"

namespace weir
{

namespace
{

constexpr uint8_t any_inner_protocol = 0;

struct Device {
	Tunnel tunnel; // kind and index
	Attributes data;
};

using Found = std::vector<Tunnel>;

// VXLAN and its kin send to the port that they listen at.
void add_over_udp(Found &found, Tunnel tunnel, std::optional<uint16_t> port)
{
	if (!port)
		return;
	tunnel.protocols = {IPPROTO_UDP};
	tunnel.sent_to = tunnel.received_at = port_only(*port);
	found.push_back(std::move(tunnel));
}

void add_vxlan(Found &found, Device &device)
{
	Tunnel &tunnel = device.tunnel;
	const auto local6 = address_at(device.data, IFLA_VXLAN_LOCAL6);
	const auto remote6 = address_at(device.data, IFLA_VXLAN_GROUP6);
	tunnel.local = local6 ? local6 : address_at(device.data, IFLA_VXLAN_LOCAL);
	tunnel.remote = remote6 ? remote6 : address_at(device.data, IFLA_VXLAN_GROUP);
	if (const auto range = number_at<ifla_vxlan_port_range>(device.data, IFLA_VXLAN_PORT_RANGE)) {
		const PortRange sent_from = {.first = ntohs(range->low), .last = ntohs(range->high)};
		// Else the kernel takes the range of its own ports.
		if (sent_from.first < sent_from.last)
			tunnel.sent_from = sent_from;
	}
	add_over_udp(found, tunnel, port_at(device.data, IFLA_VXLAN_PORT));
}

void add_geneve(Found &found, Device &device)
{
	const auto remote6 = address_at(device.data, IFLA_GENEVE_REMOTE6);
	device.tunnel.remote = remote6 ? remote6 : address_at(device.data, IFLA_GENEVE_REMOTE);
	add_over_udp(found, device.tunnel, port_at(device.data, IFLA_GENEVE_PORT));
}

void add_bareudp(Found &found, Device &device)
{
	add_over_udp(found, device.tunnel, port_at(device.data, IFLA_BAREUDP_PORT));
}

const char *encapsulation_kind(uint16_t type)
{
	return type == TUNNEL_ENCAP_GUE ? "gue" : "fou";
}

// What such a device sends goes within UDP, where it says so. What comes in so comes by a port of its own (add_fou).
void add_encapsulation(Found &found, const Device &device, int first_attribute)
{
	const auto type = number_at<uint16_t>(device.data, first_attribute);
	const auto from = port_at(device.data, first_attribute + 2), to = port_at(device.data, first_attribute + 3);
	if (!type || *type == TUNNEL_ENCAP_NONE || !to)
		return;
	Tunnel tunnel = device.tunnel;
	tunnel.kind = encapsulation_kind(*type);
	tunnel.protocols = {IPPROTO_UDP};
	tunnel.sent_to = port_only(*to);
	if (from && *from)
		tunnel.sent_from = port_only(*from);
	tunnel.received_at = no_port;
	found.push_back(std::move(tunnel));
}

void add_gre(Found &found, Device &device)
{
	Tunnel &tunnel = device.tunnel;
	tunnel.local = address_at(device.data, IFLA_GRE_LOCAL);
	tunnel.remote = address_at(device.data, IFLA_GRE_REMOTE);
	tunnel.family = tunnel.kind.starts_with("ip6") ? AF_INET6 : AF_INET;
	tunnel.protocols = {IPPROTO_GRE};
	found.push_back(tunnel);
	add_encapsulation(found, device, IFLA_GRE_ENCAP_TYPE);
}

// ipip and sit over IPv4, ip6tnl over IPv6: IPv4, IPv6 or MPLS within IP.
void add_ip_in_ip(Found &found, Device &device)
{
	Tunnel &tunnel = device.tunnel;
	tunnel.local = address_at(device.data, IFLA_IPTUN_LOCAL);
	tunnel.remote = address_at(device.data, IFLA_IPTUN_REMOTE);
	tunnel.family = tunnel.kind == "ip6tnl" ? AF_INET6 : AF_INET;
	const uint8_t usual = tunnel.kind == "ipip" ? IPPROTO_IPIP : IPPROTO_IPV6;
	const uint8_t inner = number_at<uint8_t>(device.data, IFLA_IPTUN_PROTO).value_or(usual);
	if (inner == any_inner_protocol)
		tunnel.protocols = {IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_MPLS};
	else
		tunnel.protocols = {inner};
	found.push_back(tunnel);
	add_encapsulation(found, device, IFLA_IPTUN_ENCAP_TYPE);
}

// Peers' addresses change as they roam, so only the port at this end tells.
void add_wireguard(Found &found, Device &device)
{
	std::optional<uint16_t> port;
	GenericFamily family(WG_GENL_NAME);
	const uint32_t index = device.tunnel.ifindex;
	family.dump(WG_CMD_GET_DEVICE, GenericFamily::attribute(WGDEVICE_A_IFINDEX, &index, sizeof(index)),
		    [&](const Attributes &attributes) {
			    // Of a device with many peers there are several messages, and the first one has it.
			    if (const auto stated = number_at<uint16_t>(attributes, WGDEVICE_A_LISTEN_PORT))
				    port = stated;
		    });
	if (!port || *port == 0)
		return;
	device.tunnel.protocols = {IPPROTO_UDP};
	device.tunnel.sent_from = device.tunnel.received_at = port_only(*port);
	found.push_back(device.tunnel);
}

// The ports at which the kernel takes tunnels out of UDP.
void add_fou(Found &found)
{
	GenericFamily family(FOU_GENL_NAME);
	family.dump(FOU_CMD_GET, {}, [&](const Attributes &attributes) {
		Tunnel tunnel;
		const auto port = port_at(attributes, FOU_ATTR_PORT);
		if (!port)
			return;
		tunnel.kind = encapsulation_kind(number_at<uint8_t>(attributes, FOU_ATTR_TYPE) == FOU_ENCAP_GUE
						     ? TUNNEL_ENCAP_GUE
						     : TUNNEL_ENCAP_FOU);
		tunnel.family = number_at<uint8_t>(attributes, FOU_ATTR_AF).value_or(0);
		const auto local6 = address_at(attributes, FOU_ATTR_LOCAL_V6);
		tunnel.local = local6 ? local6 : address_at(attributes, FOU_ATTR_LOCAL_V4);
		tunnel.protocols = {IPPROTO_UDP};
		tunnel.sent_from = tunnel.sent_to = no_port;
		tunnel.received_at = port_only(*port);
		found.push_back(std::move(tunnel));
	});
}

const std::map<std::string, void (*)(Found &, Device &)> readers = {
    {"vxlan", add_vxlan},	  {"geneve", add_geneve}, {"bareudp", add_bareudp}, {"gre", add_gre},
    {"gretap", add_gre},	  {"erspan", add_gre},	  {"ip6gre", add_gre},	    {"ip6gretap", add_gre},
    {"ip6erspan", add_gre},	  {"ipip", add_ip_in_ip}, {"sit", add_ip_in_ip},    {"ip6tnl", add_ip_in_ip},
    {"wireguard", add_wireguard},
};

// A device that is down carries nothing, and one that was moved here from another namespace does so there.
constexpr int32_t unknown_namespace = -2;

void read_device(const nlmsghdr *message, TunnelDevices &devices)
{
	const auto *header = static_cast<const ifinfomsg *>(NLMSG_DATA(message));
	const Attributes link = attributes_of(IFLA_RTA(header), IFLA_PAYLOAD(message));
	const auto info = link.find(IFLA_LINKINFO);
	if (!(header->ifi_flags & IFF_UP) || info == link.end())
		return;
	const Attributes parts = attributes_of(info->second.data, info->second.length);
	Device device;
	device.tunnel.kind = text_at(parts, IFLA_INFO_KIND);
	device.tunnel.ifindex = static_cast<uint32_t>(header->ifi_index);
	if (link.contains(IFLA_LINK_NETNSID)) {
		const int32_t id = number_at<int32_t>(link, IFLA_LINK_NETNSID).value_or(unknown_namespace);
		device.tunnel.link_namespace = id < 0 ? unknown_namespace : id;
	}
	device.tunnel.starts_at_ip = header->ifi_type != ARPHRD_ETHER;
	const auto reader = readers.find(device.tunnel.kind);
	if (reader == readers.end())
		return;
	if (const auto data = parts.find(IFLA_INFO_DATA); data != parts.end())
		device.data = attributes_of(data->second.data, data->second.length);
	try {
		reader->second(devices.list.tunnels, device);
	} catch (const Failure &failure) {
		if (failure.error_number != EPERM)
			throw;
		devices.unreadable.push_back(text_at(link, IFLA_IFNAME));
	}
}

void read_address(const nlmsghdr *message, TunnelDevices &devices)
{
	const auto *header = static_cast<const ifaddrmsg *>(NLMSG_DATA(message));
	const Attributes attributes = attributes_of(IFA_RTA(header), IFA_PAYLOAD(message));
	// With a peer, the other attribute is the peer's.
	const auto local = address_at(attributes, IFA_LOCAL);
	if (const auto own = local ? local : address_at(attributes, IFA_ADDRESS))
		devices.list.addresses[0].insert(*own);
}

} // namespace

TunnelDevices list_tunnels(bool with_addresses)
{
	TunnelDevices devices;
	dump_routing<ifinfomsg>(
	    RTM_GETLINK, "netlink RTM_GETLINK", [&] { devices = {}; },
	    [&](const nlmsghdr *message) {
		    if (message->nlmsg_type == RTM_NEWLINK)
			    read_device(message, devices);
	    });
	add_fou(devices.list.tunnels);
	if (devices.list.tunnels.empty() && !with_addresses)
		return devices;
	dump_routing<ifaddrmsg>(
	    RTM_GETADDR, "netlink RTM_GETADDR", [&] { devices.list.addresses.clear(); },
	    [&](const nlmsghdr *message) {
		    if (message->nlmsg_type == RTM_NEWADDR)
			    read_address(message, devices);
	    });
	return devices;
}

} // namespace weir
