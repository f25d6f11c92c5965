// SPDX-License-Identifier: Apache-2.0
// Asks the kernel for all of something over netlink: interfaces, addresses, or what a generic family knows.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <linux/netlink.h>
#include <sys/socket.h>

#include "failure.h"
#include "file_descriptor.h"
#include "netlink_message.h"

namespace weir
{

// Tries until nothing comes or goes meanwhile.
constexpr int dump_attempts = 32;

inline FileDescriptor open_netlink(int protocol)
{
	FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
	if (socket.get() < 0)
		throw Failure("socket AF_NETLINK", errno);
	return socket;
}

// One answer to a request: calls visit(message) for each message of data. Returns false when what was listed changed
// while the kernel listed it: something may then be missing. Throws Failure with the name of the call.
template <typename Visit>
bool ask_netlink(int socket, const void *request, size_t bytes, const std::string &call, Visit visit)
{
	if (::send(socket, request, bytes, 0) != static_cast<ssize_t>(bytes))
		throw Failure(call, errno);
	std::vector<char> buffer(netlink_receive_bytes);
	bool whole = true;
	for (;;) {
		int rest = receive_netlink(socket, buffer);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			whole = whole && !(message->nlmsg_flags & NLM_F_DUMP_INTR);
			if (message->nlmsg_type != NLMSG_DONE && message->nlmsg_type != NLMSG_ERROR) {
				visit(message);
				continue;
			}
			if (netlink_result(message) < 0)
				throw Failure(call, -netlink_result(message));
			return whole;
		}
	}
}

// Of the routing family, with this body (ifinfomsg, ifaddrmsg) and without filter. Calls begin() before each try.
template <typename Body, typename Begin, typename Visit>
void dump_routing(uint16_t type, const std::string &call, Begin begin, Visit visit)
{
	struct {
		nlmsghdr header;
		Body body;
	} request = {};
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	for (int attempt = 0; attempt < dump_attempts; attempt++) {
		begin();
		const FileDescriptor socket = open_netlink(NETLINK_ROUTE);
		if (ask_netlink(socket.get(), &request, sizeof(request), call, visit))
			return;
	}
	throw Failure(call, EAGAIN, "they came and went all the time");
}

} // namespace weir
