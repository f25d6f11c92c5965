// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <cstring>
#include <optional>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "failure.h"
#include "file_descriptor.h"

namespace weir
{

namespace
{

constexpr size_t receive_bytes = 1 << 16; // the kernel fills at most 32 KiB a message of a dump

// Tries until no interface comes or goes meanwhile.
constexpr int dump_attempts = 32;

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
	for_each_attribute(IFLA_RTA(header), IFLA_PAYLOAD(message), [&](int type, const void *data, size_t length) {
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

int receive(int socket, std::vector<char> &buffer)
{
	for (;;) {
		// MSG_TRUNC: the length of the message, also when it does not fit.
		const ssize_t received = ::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
		if (received > static_cast<ssize_t>(buffer.size()))
			throw Failure("netlink receive", EMSGSIZE);
		if (received >= 0)
			return static_cast<int>(received);
		if (errno != EINTR)
			throw Failure("netlink receive", errno);
	}
}

// Of NLMSG_DONE and NLMSG_ERROR: 0 or a negative errno comes first.
int result_of(const nlmsghdr *message)
{
	int result = 0;
	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(result)))
		std::memcpy(&result, NLMSG_DATA(message), sizeof(result));
	return result;
}

// Nothing when interfaces came or went while the kernel listed them: some of the others may then be missing.
std::optional<std::vector<NetworkInterface>> try_to_list()
{
	const FileDescriptor socket = request_dump();
	std::vector<NetworkInterface> links;
	std::vector<char> buffer(receive_bytes);
	bool interrupted = false;
	for (;;) {
		int rest = receive(socket.get(), buffer);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			interrupted = interrupted || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (message->nlmsg_type == RTM_NEWLINK)
				links.push_back(read_link(message));
			if (message->nlmsg_type != NLMSG_DONE && message->nlmsg_type != NLMSG_ERROR)
				continue;
			if (result_of(message) < 0)
				throw Failure("netlink RTM_GETLINK", -result_of(message));
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
