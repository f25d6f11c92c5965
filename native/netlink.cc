// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <optional>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "failure.h"
#include "file_descriptor.h"
#include "netlink_message.h"

namespace weir
{

namespace
{

// Tries until no interface comes or goes meanwhile.
constexpr int dump_attempts = 32;

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

FileDescriptor request_dump()
{
	FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	if (socket.get() < 0)
		throw Failure("socket AF_NETLINK", errno);
	struct {
		nlmsghdr header;
		ifinfomsg body;
	} request = {};
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = RTM_GETLINK;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (::send(socket.get(), &request, sizeof(request), 0) != sizeof(request))
		throw Failure("netlink RTM_GETLINK", errno);
	return socket;
}

// Nothing when interfaces came or went while the kernel listed them: some of the others may then be missing.
std::optional<std::vector<NetworkInterface>> try_to_list()
{
	const FileDescriptor socket = request_dump();
	std::vector<NetworkInterface> links;
	std::vector<char> buffer(netlink_receive_bytes);
	bool interrupted = false;
	for (;;) {
		int rest = receive_netlink(socket.get(), buffer);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			interrupted = interrupted || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (message->nlmsg_type == RTM_NEWLINK)
				links.push_back(read_link(message));
			if (message->nlmsg_type != NLMSG_DONE && message->nlmsg_type != NLMSG_ERROR)
				continue;
			if (netlink_result(message) < 0)
				throw Failure("netlink RTM_GETLINK", -netlink_result(message));
			if (interrupted)
				return std::nullopt;
			return links;
		}
	}
}

} // namespace

std::vector<NetworkInterface> list_interfaces()
{
	for (int attempt = 0; attempt < dump_attempts; attempt++) {
		if (auto links = try_to_list())
			return *std::move(links);
	}
	throw Failure("netlink RTM_GETLINK", EAGAIN, "interfaces came and went all the time");
}

} // namespace weir
