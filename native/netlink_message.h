// SPDX-License-Identifier: Apache-2.0
// Reading what the kernel says over netlink: messages, their results, their attributes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "failure.h"

namespace weir
{

constexpr size_t netlink_receive_bytes = 1 << 16; // the kernel fills at most 32 KiB a message of a dump

template <typename Visit>
void for_each_attribute(const rtattr *attribute, size_t length, Visit visit)
{
	for (int rest = static_cast<int>(length); RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest))
		visit(attribute->rta_type & NLA_TYPE_MASK, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
}

inline uint32_t number(const void *data)
{
	uint32_t value;
	std::memcpy(&value, data, sizeof(value));
	return value;
}

// The text of an attribute that ends in a zero byte.
inline std::string text(const void *data, size_t length)
{
	return std::string(static_cast<const char *>(data), ::strnlen(static_cast<const char *>(data), length));
}

inline int receive_netlink(int socket, std::vector<char> &buffer)
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
inline int netlink_result(const nlmsghdr *message)
{
	int result = 0;
	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(result)))
		std::memcpy(&result, NLMSG_DATA(message), sizeof(result));
	return result;
}

} // namespace weir
