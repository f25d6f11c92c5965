// SPDX-License-Identifier: Apache-2.0
#include "roles.h"

#include <algorithm>
#include <utility>

#include <endian.h>
#include <netinet/in.h>

#include "identity.h"

namespace weir
{

namespace
{

// Far enough for memory to arrive, and near enough to be in the first-level cache still.
constexpr size_t flows_ahead = 12;

bool has_ports(const flow_key &key)
{
	switch (key.transport) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		// Two zeros are a fragment, not ports.
		return (key.src_port | key.dst_port) != 0;
	default:
		return false;
	}
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

bool Roles::decide(const MapView<flow_slot> &slots, NewFlows &flows)
{
	conversations_.forget_the_oldest();
	conversations_.reserve(flows.size());
	changed_ = any_undecided_ = false;
	try {
		gather_all(slots, flows);
	} catch (...) {
		// The chains lead to flows that are gone then.
		for (const NewFlow &flow : flows)
			if (flow.identity.connection != 0)
				conversations_[flow.identity.connection].last_flow = 0;
		throw;
	}
	if (!any_undecided_)
		return changed_;
	read_sockets();
	for (uint32_t index = 0; index < flows.size(); index++) {
		const uint32_t number = flows[index].identity.connection;
		if (number == 0)
			continue;
		Conversation &connection = conversations_[number];
		// At the last of its flows, where the chain begins.
		if (connection.last_flow != index + 1)
			continue;
		connection.last_flow = 0;
		if (connection.verdict.evidence == HANDSHAKE)
			continue;
		const Undecided undecided = undecided_of(flows, index + 1);
		const Verdict verdict = judge(connection, undecided);
		if (verdict.evidence >= connection.verdict.evidence)
			settle(connection, undecided.is_new, verdict);
	}
	return changed_;
}

void Roles::gather_all(const MapView<flow_slot> &slots, NewFlows &flows)
{
	for (uint32_t index = 0; index < flows.size(); index++) {
		if (index + 2 * flows_ahead < flows.size()) {
			const NewFlow &far = flows[index + 2 * flows_ahead];
			__builtin_prefetch(far.translation ? &far.translation->ends : far.key);
			if (far.slot != no_slot)
				openings_.prefetch(far.slot);
		}
		if (index + flows_ahead < flows.size())
			conversations_.prefetch(flows[index + flows_ahead].true_ends());
		any_undecided_ |= gather(slots, flows, index);
	}
}

void Roles::settle(Conversation &connection, bool is_new, Verdict verdict)
{
	changed_ = changed_ || (!is_new && verdict != connection.verdict);
	connection.verdict = verdict;
}

// What the flow says by itself. Returns whether the rest waits until all flows were seen.
bool Roles::gather(const MapView<flow_slot> &slots, NewFlows &flows, uint32_t index)
{
	NewFlow &flow = flows[index];
	const flow_key &key = flow.true_ends();
	Identity &identity = flow.identity;
	if (key.transport == IPPROTO_ICMP || key.transport == IPPROTO_ICMPV6)
		identity.initiator = initiator_of_icmp(key);
	if (!has_ports(key))
		return false;
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
		return false;
	const bool has_time = flow.slot != no_slot && is_datagram(key.transport);
	flow.first_ns = has_time ? openings_.cold_of(slots, flow.slot).first_ns : some_time;
	flow.begins_connection = place.is_new;
	flow.before = std::exchange(connection.last_flow, index + 1);
	return true;
}

Roles::Undecided Roles::undecided_of(const NewFlows &flows, uint32_t last_flow)
{
	Undecided undecided = {.is_new = false, .lower_first_ns = never, .higher_first_ns = never};
	for (uint32_t at = last_flow; at != 0; at = flows[at - 1].before) {
		const NewFlow &flow = flows[at - 1];
		uint64_t &earliest =
		    flow.identity.source_is_lower ? undecided.lower_first_ns : undecided.higher_first_ns;
		earliest = std::min(earliest, flow.first_ns);
		undecided.is_new |= flow.begins_connection;
	}
	return undecided;
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
