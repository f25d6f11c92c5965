// SPDX-License-Identifier: Apache-2.0
// What packets of a connection show, on both sides of a translation, and which ends are the true ones.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>

#include "../bpf/flow.h"
#include "conntrack.h"

namespace weir
{

inline bool is_icmp(uint8_t transport)
{
	return transport == IPPROTO_ICMP || transport == IPPROTO_ICMPV6;
}

inline flow_key tuple_of(const flow_key &key)
{
	flow_key tuple = key;
	tuple.direction = 0;
	tuple.iface = 0;
	return tuple;
}

// As the packets of the other direction show it. Their ICMP type is not known here: this one's stays.
inline flow_key reversed(const flow_key &tuple)
{
	flow_key other = tuple;
	std::memcpy(other.src, tuple.dst, sizeof(other.src));
	std::memcpy(other.dst, tuple.src, sizeof(other.dst));
	if (!is_icmp(tuple.transport)) {
		other.src_port = tuple.dst_port;
		other.dst_port = tuple.src_port;
	}
	return other;
}

// What packets of a connection show before and after translation: from the client, then to it.
inline std::array<flow_key, 4> sights(const Connection &connection)
{
	flow_key translated = reversed(connection.reply), answered = reversed(connection.original);
	if (is_icmp(connection.original.transport)) {
		translated.src_port = connection.original.src_port;
		answered.src_port = connection.reply.src_port;
	}
	return {connection.original, translated, connection.reply, answered};
}

inline flow_key true_ends(const flow_key &seen, const Connection &connection, bool from_client)
{
	const flow_key &from = from_client ? connection.original : connection.reply;
	const flow_key &to = from_client ? connection.reply : connection.original;
	flow_key ends = tuple_of(seen);
	std::memcpy(ends.src, from.src, sizeof(ends.src));
	std::memcpy(ends.dst, to.src, sizeof(ends.dst));
	if (!is_icmp(seen.transport)) {
		ends.src_port = from.src_port;
		ends.dst_port = to.src_port;
	}
	return ends;
}

inline bool same_end(const uint8_t *address, uint16_t port, const uint8_t *other_address, uint16_t other_port)
{
	return std::memcmp(address, other_address, sizeof(flow_key::src)) == 0 && port == other_port;
}

// Conntrack makes connections of these and of their answers; an ICMP error belongs to the connection that it speaks of.
inline bool is_query(const flow_key &key)
{
	const uint8_t type = *reinterpret_cast<const uint8_t *>(&key.src_port);
	if (key.transport == IPPROTO_ICMPV6)
		return type == ICMPV6_ECHO_REQUEST || type == ICMPV6_ECHO_REPLY;
	return type == ICMP_ECHO || type == ICMP_ECHOREPLY || type == ICMP_TIMESTAMP || type == ICMP_TIMESTAMPREPLY;
}

inline bool has_ports(uint8_t transport)
{
	return transport == IPPROTO_TCP || transport == IPPROTO_UDP || transport == IPPROTO_UDPLITE ||
	       transport == IPPROTO_SCTP || transport == IPPROTO_DCCP;
}

} // namespace weir
