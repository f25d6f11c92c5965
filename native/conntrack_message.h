// SPDX-License-Identifier: Apache-2.0
// The bytes of ctnetlink: requests as the kernel reads them, and the connections it answers with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include "../bpf/flow.h"
#include "conntrack.h"
#include "netlink_message.h"

namespace weir
{

constexpr uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

inline bool is_ipv4(const uint8_t *address)
{
	return std::memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

// Writes messages one after the other.
class ConntrackRequests
{
      public:
	void begin(uint8_t type, uint16_t flags, uint32_t sequence, uint8_t family)
	{
		start_ = bytes_.size();
		const nlmsghdr header = {
		    .nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type),
		    .nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags),
		    .nlmsg_seq = sequence,
		};
		const nfgenmsg general = {.nfgen_family = family, .version = NFNETLINK_V0};
		append(&header, sizeof(header));
		append(&general, sizeof(general));
	}
	template <typename Fill>
	void nest(uint16_t type, Fill fill)
	{
		const size_t at = bytes_.size();
		const nlattr header = {.nla_type = static_cast<uint16_t>(type | NLA_F_NESTED)};
		append(&header, sizeof(header));
		fill();
		const auto length = static_cast<uint16_t>(bytes_.size() - at);
		std::memcpy(&bytes_[at] + offsetof(nlattr, nla_len), &length, sizeof(length));
	}
	void put(uint16_t type, const void *value, size_t length)
	{
		const nlattr header = {.nla_len = static_cast<uint16_t>(NLA_HDRLEN + length), .nla_type = type};
		append(&header, sizeof(header));
		append(value, length);
	}
	void put_number(uint16_t type, uint32_t value)
	{
		const uint32_t big_endian = htobe32(value);
		put(type, &big_endian, sizeof(big_endian));
	}
	// Of a protocol whose packets tell their connection: ICMP's do not, the id is not part of a flow.
	void put_tuple(const flow_key &tuple)
	{
		nest(CTA_TUPLE_ORIG, [&] {
			nest(CTA_TUPLE_IP, [&] {
				const bool ipv4 = is_ipv4(tuple.src);
				const size_t skip = ipv4 ? sizeof(mapped_prefix) : 0;
				put(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.src + skip, sizeof(tuple.src) - skip);
				put(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.dst + skip, sizeof(tuple.dst) - skip);
			});
			nest(CTA_TUPLE_PROTO, [&] {
				put(CTA_PROTO_NUM, &tuple.transport, sizeof(tuple.transport));
				put(CTA_PROTO_SRC_PORT, &tuple.src_port, sizeof(tuple.src_port));
				put(CTA_PROTO_DST_PORT, &tuple.dst_port, sizeof(tuple.dst_port));
			});
		});
	}
	void end()
	{
		const auto length = static_cast<uint32_t>(bytes_.size() - start_);
		std::memcpy(&bytes_[start_] + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
	}
	const std::vector<char> &bytes() const
	{
		return bytes_;
	}
	void clear()
	{
		bytes_.clear();
	}

      private:
	void append(const void *data, size_t length)
	{
		const auto *from = static_cast<const char *>(data);
		bytes_.insert(bytes_.end(), from, from + length);
		bytes_.resize(NLMSG_ALIGN(bytes_.size()));
	}

	std::vector<char> bytes_;
	size_t start_ = 0;
};

// Visits the attributes of a message of ctnetlink.
template <typename Visit>
void for_each_conntrack_attribute(const nlmsghdr *message, Visit visit)
{
	constexpr size_t header = NLMSG_LENGTH(sizeof(nfgenmsg));
	if (message->nlmsg_len < header)
		return;
	const auto *first = reinterpret_cast<const char *>(message) + NLMSG_ALIGN(header);
	for_each_attribute(reinterpret_cast<const rtattr *>(first), message->nlmsg_len - header, visit);
}

inline void read_conntrack_address(uint8_t *address, const void *data, size_t length)
{
	if (length == 4) {
		std::memcpy(address, mapped_prefix, sizeof(mapped_prefix));
		std::memcpy(address + sizeof(mapped_prefix), data, length);
	} else if (length == 16)
		std::memcpy(address, data, length);
}

// zoned: set where the tuple is of a zone.
inline flow_key read_conntrack_tuple(const void *nested, size_t length, bool &zoned)
{
	flow_key tuple = {};
	auto *icmp = reinterpret_cast<uint8_t *>(&tuple.src_port); // type, then code
	const auto visit_address = [&](int type, const void *data, size_t bytes) {
		if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
			read_conntrack_address(tuple.src, data, bytes);
		else if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
			read_conntrack_address(tuple.dst, data, bytes);
	};
	const auto visit_protocol = [&](int type, const void *data, size_t bytes) {
		if (type == CTA_PROTO_NUM && bytes == sizeof(tuple.transport))
			std::memcpy(&tuple.transport, data, bytes);
		else if (type == CTA_PROTO_SRC_PORT && bytes == sizeof(tuple.src_port))
			std::memcpy(&tuple.src_port, data, bytes);
		else if (type == CTA_PROTO_DST_PORT && bytes == sizeof(tuple.dst_port))
			std::memcpy(&tuple.dst_port, data, bytes);
		else if ((type == CTA_PROTO_ICMP_TYPE || type == CTA_PROTO_ICMPV6_TYPE) && bytes == 1)
			std::memcpy(icmp, data, bytes);
		else if ((type == CTA_PROTO_ICMP_CODE || type == CTA_PROTO_ICMPV6_CODE) && bytes == 1)
			std::memcpy(icmp + 1, data, bytes);
	};
	for_each_attribute(static_cast<const rtattr *>(nested), length, [&](int type, const void *data, size_t bytes) {
		if (type == CTA_TUPLE_IP)
			for_each_attribute(static_cast<const rtattr *>(data), bytes, visit_address);
		else if (type == CTA_TUPLE_PROTO)
			for_each_attribute(static_cast<const rtattr *>(data), bytes, visit_protocol);
		else if (type == CTA_TUPLE_ZONE)
			zoned = true;
	});
	return tuple;
}

// Nothing for a connection of a zone: what its packets show may stand for another connection elsewhere.
inline std::optional<Connection> read_connection(const nlmsghdr *message)
{
	Connection connection = {};
	bool zoned = false;
	for_each_conntrack_attribute(message, [&](int type, const void *data, size_t length) {
		if (type == CTA_TUPLE_ORIG)
			connection.original = read_conntrack_tuple(data, length, zoned);
		else if (type == CTA_TUPLE_REPLY)
			connection.reply = read_conntrack_tuple(data, length, zoned);
		else if (type == CTA_STATUS && length == sizeof(connection.status))
			connection.status = be32toh(number(data));
		else if (type == CTA_ZONE)
			zoned = true;
	});
	if (zoned)
		return std::nullopt;
	return connection;
}

} // namespace weir
