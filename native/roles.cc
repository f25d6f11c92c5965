// SPDX-License-Identifier: Apache-2.0
#include "roles.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include <endian.h>
#include <netinet/in.h>

#include "identity.h"

namespace weir
{

namespace
{

// Of the first packet of a flow: it has none, or one whose time nobody noted, as in the overflow map.
constexpr uint64_t never = UINT64_MAX;
constexpr uint64_t some_time = UINT64_MAX - 1;
// Far enough for memory to arrive, and near enough to be in the first-level cache still.
constexpr size_t flows_ahead = 12;
constexpr uint8_t ipproto_sctp = 132, ipproto_dccp = 33, ipproto_udplite = 136;

bool has_ports(const flow_key &key)
{
	switch (key.transport) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case ipproto_sctp:
	case ipproto_dccp:
	case ipproto_udplite:
		// Two zeros are a fragment, not ports.
		return (key.src_port | key.dst_port) != 0;
	default:
		return false;
	}
}

bool is_datagram(uint8_t transport)
{
	return transport == IPPROTO_UDP || transport == ipproto_udplite;
}

// Of a message that asks the source is the client, of one that answers the destination.
initiator initiator_of_icmp(const flow_key &key)
{
	const unsigned type = be16toh(key.src_port) >> 8;
	if (key.transport == IPPROTO_ICMP) {
		// Echo, timestamp, extended echo (RFC 792, RFC 8335).
		if (type == 8 || type == 13 || type == 42)
			return INITIATOR_SOURCE;
		return type == 0 || type == 14 || type == 43 ? INITIATOR_DESTINATION : INITIATOR_UNKNOWN;
	}
	// RFC 4443, RFC 8335.
	if (type == 128 || type == 160)
		return INITIATOR_SOURCE;
	return type == 129 || type == 161 ? INITIATOR_DESTINATION : INITIATOR_UNKNOWN;
}

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

Verdict verdict_of(initiator initiator, bool source_is_lower, evidence evidence)
{
	const bool client_is_lower = (initiator == INITIATOR_SOURCE) == source_is_lower;
	return {.client = client_is_lower ? CLIENT_IS_LOWER : CLIENT_IS_HIGHER, .evidence = evidence};
}

} // namespace

Roles::Roles(Openings &openings, NodeSockets sockets, bool guess)
    : openings_(openings), sockets_(std::move(sockets)), guess_(guess)
{
	read_sockets();
}

bool Roles::decide(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows)
{
	conversations_.forget_the_oldest();
	conversations_.reserve(flows.size());
	changed_ = false;
	for (size_t i = 0; i < flows.size(); i++) {
		if (i + flows_ahead < flows.size())
			conversations_.prefetch(flows[i + flows_ahead].true_ends());
		gather(slots, flows[i]);
	}
	if (!undecided_.empty())
		read_sockets();
	for (const Undecided &undecided : undecided_) {
		Conversation &connection = conversations_[undecided.connection];
		connection.scratch = 0;
		if (connection.verdict.evidence == HANDSHAKE)
			continue;
		const Verdict verdict = judge(connection, undecided);
		if (verdict.evidence >= connection.verdict.evidence)
			settle(connection, undecided.is_new, verdict);
	}
	std::vector<Undecided>().swap(undecided_);
	for (NewFlow &flow : flows)
		follow(flow.identity);
	return changed_;
}

void Roles::settle(Conversation &connection, bool is_new, Verdict verdict)
{
	changed_ = changed_ || (!is_new && verdict != connection.verdict);
	connection.verdict = verdict;
}

// What the flow says by itself; the rest waits until all flows were seen.
void Roles::gather(const MapView<flow_slot> &slots, NewFlow &flow)
{
	const flow_key &key = flow.true_ends();
	Identity &identity = flow.identity;
	if (key.transport == IPPROTO_ICMP || key.transport == IPPROTO_ICMPV6)
		identity.initiator = initiator_of_icmp(key);
	if (!has_ports(key))
		return;
	const Conversations::Place place = conversations_.place_of(key);
	Conversation &connection = conversations_[place.number];
	identity.connection = place.number;
	identity.source_is_lower = place.source_is_lower;
	if (flow.slot != no_slot && key.transport == IPPROTO_TCP) {
		const initiator initiator = openings_.initiator_of(slots, flow.slot);
		if (initiator != INITIATOR_UNKNOWN)
			settle(connection, place.is_new, verdict_of(initiator, identity.source_is_lower, HANDSHAKE));
	}
	if (flow.told != INITIATOR_UNKNOWN && connection.verdict.evidence < OBSERVED)
		settle(connection, place.is_new, verdict_of(flow.told, identity.source_is_lower, OBSERVED));
	if (connection.verdict.evidence >= OBSERVED)
		return;
	const bool has_time = flow.slot != no_slot && is_datagram(key.transport);
	note_undecided(flow, place.is_new, has_time ? openings_.cold_of(slots, flow.slot).first_ns : some_time);
}

void Roles::note_undecided(const NewFlow &flow, bool is_new, uint64_t first_ns)
{
	Conversation &connection = conversations_[flow.identity.connection];
	if (connection.scratch == 0) {
		undecided_.push_back({.connection = flow.identity.connection,
				      .is_new = is_new,
				      .lower_first_ns = never,
				      .higher_first_ns = never});
		connection.scratch = static_cast<uint32_t>(undecided_.size());
	}
	Undecided &undecided = undecided_[connection.scratch - 1];
	uint64_t &earliest = flow.identity.source_is_lower ? undecided.lower_first_ns : undecided.higher_first_ns;
	earliest = std::min(earliest, first_ns);
}

void Roles::read_sockets()
{
	try {
		sockets_.read();
		sockets_failure_.reset();
	} catch (const Failure &failure) {
		sockets_failure_ = failure;
	}
}

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

void Roles::keep(const Identity &identity)
{
	if (identity.connection != 0)
		conversations_.add_slot(identity.connection);
}

void Roles::release(const Identity &identity)
{
	conversations_.remove_slot(identity.connection);
}

void Roles::follow(Identity &identity)
{
	if (identity.connection == 0)
		return;
	const Verdict &verdict = conversations_[identity.connection].verdict;
	identity.guessed = verdict.evidence == GUESSED_BY_PORTS;
	if (verdict.client == CLIENT_UNKNOWN)
		identity.initiator = INITIATOR_UNKNOWN;
	else
		identity.initiator = (verdict.client == CLIENT_IS_LOWER) == identity.source_is_lower
					 ? INITIATOR_SOURCE
					 : INITIATOR_DESTINATION;
}

} // namespace weir
