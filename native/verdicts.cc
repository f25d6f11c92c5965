// SPDX-License-Identifier: Apache-2.0
// The half of Roles that judges who opened a connection of which no handshake tells.
#include "roles.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include <endian.h>
#include <netinet/in.h>

namespace weir
{

namespace
{

// A multicast group, or everyone: never sends.
bool is_group(const End &end)
{
	const uint8_t *address = end.address;
	if (address[0] == 0xff)
		return true;
	static constexpr uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (std::memcmp(address, ipv4_prefix, sizeof(ipv4_prefix)) != 0)
		return false;
	static constexpr uint8_t everyone[4] = {255, 255, 255, 255};
	return address[12] >> 4 == 0xe || std::memcmp(address + 12, everyone, sizeof(everyone)) == 0;
}

} // namespace

Verdict Roles::judge(const Conversation &connection, const Undecided &undecided) const
{
	const auto &[lower, higher] = std::tie(connection.lower, connection.higher);
	const uint8_t transport = connection.transport;
	if (transport == IPPROTO_TCP || transport == IPPROTO_UDP) {
		const bool at_lower = sockets_.serves(transport, lower), at_higher = sockets_.serves(transport, higher);
		// Of datagrams a bound socket may also be the asking one, as in NTP and DHCP: then the other port is
		// fixed too.
		const bool tells =
		    transport == IPPROTO_TCP || sockets_.is_client_port(at_lower ? higher.port : lower.port);
		if (at_lower != at_higher && tells && !is_group(lower) && !is_group(higher))
			return {.client = at_lower ? CLIENT_IS_HIGHER : CLIENT_IS_LOWER, .evidence = OBSERVED};
	}
	if (is_datagram(transport))
		return by_first_packet(connection, undecided);
	return by_order_of_ports(connection);
}

Verdict Roles::by_first_packet(const Conversation &connection, const Undecided &undecided) const
{
	const auto &[lower, higher] = std::tie(connection.lower, connection.higher);
	if (is_group(lower) != is_group(higher))
		return {.client = is_group(lower) ? CLIENT_IS_HIGHER : CLIENT_IS_LOWER, .evidence = OBSERVED};
	const bool client_port_lower = sockets_.is_client_port(lower.port);
	const bool client_port_higher = sockets_.is_client_port(higher.port);
	const Verdict by_ports = {.client = client_port_lower ? CLIENT_IS_LOWER : CLIENT_IS_HIGHER,
				  .evidence = GUESSED_BY_PORTS};
	const bool ports_tell = client_port_lower != client_port_higher;
	const auto [first_ns, second_ns] = std::minmax(undecided.lower_first_ns, undecided.higher_first_ns);
	// Of a connection that is known already the first packet was not in this read.
	if (!undecided.is_new || second_ns == some_time)
		return ports_tell ? by_ports : by_order_of_ports(connection);
	const client_end sender = undecided.lower_first_ns == first_ns ? CLIENT_IS_LOWER : CLIENT_IS_HIGHER;
	// From a fixed port to a client's: an answer, whose question was before this agent's time.
	if (ports_tell && sender != by_ports.client)
		return by_ports;
	return {.client = sender, .evidence = OBSERVED};
}

Verdict Roles::by_order_of_ports(const Conversation &connection) const
{
	const uint16_t lower = be16toh(connection.lower.port), higher = be16toh(connection.higher.port);
	if (!guess_ || lower == higher)
		return {};
	return {.client = lower > higher ? CLIENT_IS_LOWER : CLIENT_IS_HIGHER, .evidence = GUESSED_BY_PORTS};
}

} // namespace weir
