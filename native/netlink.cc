// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "netlink_dump.h"
#include "netlink_message.h"

namespace weir
{

namespace
{

NetworkInterface read_link(const nlmsghdr *message)
{
	const auto *header = static_cast<const ifinfomsg *>(NLMSG_DATA(message));
	NetworkInterface link;
	link.index = static_cast<uint32_t>(header->ifi_index);
	link.flags = header->ifi_flags;
	link.link_type = header->ifi_type;
	for_each_attribute(IFLA_RTA(header), IFLA_PAYLOAD(message), [&](int type, const void *data, size_t length) {
		if (type == IFLA_IFNAME)
			link.name = text(data, length);
		else if (type == IFLA_MASTER)
			link.master = number(data);
		else if (type == IFLA_LINK)
			link.lower = number(data);
		else if (type == IFLA_LINK_NETNSID)
			link.lower_namespace = static_cast<int32_t>(number(data));
		else if (type == IFLA_LINKINFO)
			for_each_attribute(static_cast<const rtattr *>(data), length,
					   [&](int inner, const void *kind, size_t bytes) {
						   if (inner == IFLA_INFO_KIND)
							   link.kind = text(kind, bytes);
					   });
	});
	if (link.lower_namespace < 0 && link.lower == link.index)
		link.lower = 0;
	return link;
}

} // namespace

std::vector<NetworkInterface> list_interfaces()
{
	std::vector<NetworkInterface> links;
	dump_routing<ifinfomsg>(
	    RTM_GETLINK, "netlink RTM_GETLINK", [&] { links.clear(); },
	    [&](const nlmsghdr *message) {
		    if (message->nlmsg_type == RTM_NEWLINK)
			    links.push_back(read_link(message));
	    });
	return links;
}

} // namespace weir
