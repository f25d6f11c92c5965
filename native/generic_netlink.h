// SPDX-License-Identifier: Apache-2.0
// Asks a family of generic netlink, such as that of wireguard.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <linux/genetlink.h>

#include "netlink_attributes.h"
#include "netlink_dump.h"

namespace weir
{

// Requests to a family of generic netlink, whose number is found by its name.
class GenericFamily
{
      public:
	// Without the family (its module is not loaded) every dump is empty. To ask for it by name would load the
	// module.
	explicit GenericFamily(const char *name) : name_(name), socket_(open_netlink(NETLINK_GENERIC))
	{
		ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_DUMP, {}, [&](const Attributes &attributes) {
			if (text_at(attributes, CTRL_ATTR_FAMILY_NAME) == name_)
				id_ = number_at<uint16_t>(attributes, CTRL_ATTR_FAMILY_ID).value_or(0);
		});
	}

	// Throws Failure, with EPERM where the process may not ask.
	template <typename Visit>
	void dump(uint8_t command, const std::vector<char> &attribute, Visit visit)
	{
		if (id_)
			ask(id_, command, NLM_F_DUMP, attribute, visit);
	}

	static std::vector<char> attribute(uint16_t type, const void *data, size_t bytes)
	{
		std::vector<char> attribute(NLA_HDRLEN + NLA_ALIGN(bytes));
		const nlattr header = {.nla_len = static_cast<uint16_t>(NLA_HDRLEN + bytes), .nla_type = type};
		std::memcpy(attribute.data(), &header, sizeof(header));
		std::memcpy(attribute.data() + NLA_HDRLEN, data, bytes);
		return attribute;
	}

      private:
	template <typename Visit>
	void ask(uint16_t family, uint8_t command, uint16_t flags, const std::vector<char> &attribute, Visit visit)
	{
		struct {
			nlmsghdr header;
			genlmsghdr generic;
		} head = {};
		head.header.nlmsg_len = static_cast<uint32_t>(sizeof(head) + attribute.size());
		head.header.nlmsg_type = family;
		head.header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
		head.generic.cmd = command;
		head.generic.version = 1;
		std::vector<char> request(sizeof(head) + attribute.size());
		std::memcpy(request.data(), &head, sizeof(head));
		if (!attribute.empty())
			std::memcpy(request.data() + sizeof(head), attribute.data(), attribute.size());
		ask_netlink(socket_.get(), request.data(), request.size(), "netlink " + name_,
			    [&](const nlmsghdr *message) {
				    const auto *first = static_cast<const char *>(NLMSG_DATA(message)) + GENL_HDRLEN;
				    visit(attributes_of(first, NLMSG_PAYLOAD(message, GENL_HDRLEN)));
			    });
	}

	std::string name_;
	FileDescriptor socket_;
	uint16_t id_ = 0;
};

} // namespace weir
