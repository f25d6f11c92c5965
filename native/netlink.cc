// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <cstring>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "failure.h"
#include "file_descriptor.h"

namespace weir {

namespace {

constexpr size_t receive_bytes = 1 << 16; // the kernel fills at most 32 KiB a message of a dump

template <typename Visit>
void for_each_attribute(const rtattr *attribute, size_t length, Visit visit)
{
	for (int rest = static_cast<int>(length); RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest))
		visit(attribute->rta_type & NLA_TYPE_MASK, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
}

uint32_t number(const void *data)
{
	uint32_t value;
	std::memcpy(&value, data, sizeof(value));
	return value;
}

// The text of an attribute that ends in a zero byte.
std::string text(const void *data, size_t length)
{
	return std::string(static_cast<const char *>(data), ::strnlen(static_cast<const char *>(data), length));
}

NetworkInterface read_link(const nlmsghdr *message)
{
	const auto *header = static_cast<const ifinfomsg *>(NLMSG_DATA(message));
	NetworkInterface link;
	bool lower_is_elsewhere = false;
	link.index = static_cast<uint32_t>(header->ifi_index);
	link.flags = header->ifi_flags;
	link.link_type = header->ifi_type;
	for_each_attribute(IFLA_RTA(header), IFLA_PAYLOAD(message),
			   [&](int type, const void *data, size_t length) {
				   if (type == IFLA_IFNAME)
					   link.name = text(data, length);
				   else if (type == IFLA_MASTER)
					   link.master = number(data);
				   else if (type == IFLA_LINK)
					   link.lower = number(data);
				   else if (type == IFLA_LINK_NETNSID)
					   lower_is_elsewhere = true;
				   else if (type == IFLA_LINKINFO)
					   for_each_attribute(static_cast<const rtattr *>(data), length,
							      [&](int inner, const void *kind, size_t bytes) {
								      if (inner == IFLA_INFO_KIND)
									      link.kind = text(kind, bytes);
							      });
			   });
	if (lower_is_elsewhere || link.lower == link.index)
		link.lower = 0;
	return link;
}

void request_dump(int socket)
{
	struct {
		nlmsghdr header;
		ifinfomsg body;
	} request = {};
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = RTM_GETLINK;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (::send(socket, &request, sizeof(request), 0) != sizeof(request))
		throw Failure("netlink RTM_GETLINK", errno);
}

} // namespace

std::vector<NetworkInterface> list_interfaces()
{
	const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	if (socket.get() < 0)
		throw Failure("socket AF_NETLINK", errno);
	request_dump(socket.get());

	std::vector<NetworkInterface> links;
	std::vector<char> buffer(receive_bytes);
	for (;;) {
		const ssize_t received = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
		if (received < 0)
			throw Failure("netlink receive", errno);
		int rest = static_cast<int>(received);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return links;
			if (message->nlmsg_type == NLMSG_ERROR)
				throw Failure("netlink RTM_GETLINK",
					      -static_cast<nlmsgerr *>(NLMSG_DATA(message))->error);
			if (message->nlmsg_type == RTM_NEWLINK)
				links.push_back(read_link(message));
		}
	}
}

} // namespace weir
