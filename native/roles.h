// SPDX-License-Identifier: Apache-2.0
// Which end of a new flow is the client, and by what that is known: a handshake, a socket of this node, the first
// packet, the ports. The rule is in the receiver's README.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <netinet/in.h>

#include "../bpf/flow.h"
#include "conversations.h"
#include "failure.h"
#include "file_descriptor.h"
#include "huge_pages.h"
#include "node_sockets.h"
#include "openings.h"

namespace weir
{

struct Identity;
struct NewFlow;
using NewFlows = HugeVector<NewFlow>;

class Roles
{
      public:
	// guess: where nothing else tells, the end with the higher port is the client.
	Roles(Openings &openings, NodeSockets sockets, bool guess);

	// What it finds, follow() tells. Returns whether a connection that was known before is seen otherwise now.
	bool decide(const MapView<flow_slot> &slots, NewFlows &flows);

	// A slot has this identity from now on, or not any more.
	void keep(const Identity &identity);
	void release(const Identity &identity);
	// What is known by now of the connection.
	void follow(Identity &identity);

	// Why the last attempt to read the sockets of this node failed.
	const std::optional<Failure> &sockets_failure() const
	{
		return sockets_failure_;
	}

      private:
	// Of the first packet of a flow: it has none, or one whose time nobody noted, as in the overflow map.
	static constexpr uint64_t never = UINT64_MAX;
	static constexpr uint64_t some_time = UINT64_MAX - 1;
	static bool is_datagram(uint8_t transport)
	{
		return transport == IPPROTO_UDP || transport == IPPROTO_UDPLITE;
	}

	// What the flows of a connection show that no handshake tells about.
	struct Undecided {
		bool is_new;
		uint64_t lower_first_ns, higher_first_ns; // first packet that the end sent; UINT64_MAX: none
	};

	void gather_all(const MapView<flow_slot> &slots, NewFlows &flows);
	bool gather(const MapView<flow_slot> &slots, NewFlows &flows, uint32_t index);
	static Undecided undecided_of(const NewFlows &flows, uint32_t last_flow);
	void read_sockets();
	void settle(Conversation &connection, bool is_new, Verdict verdict);
	Verdict judge(const Conversation &connection, const Undecided &undecided) const;
	Verdict by_first_packet(const Conversation &connection, const Undecided &undecided) const;
	Verdict by_order_of_ports(const Conversation &connection) const;

	Openings &openings_;
	NodeSockets sockets_;
	bool guess_;
	Conversations conversations_;
	bool changed_ = false;
	bool any_undecided_ = false;
	std::optional<Failure> sockets_failure_;
};

} // namespace weir
