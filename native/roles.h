// SPDX-License-Identifier: Apache-2.0
// Which end of a new flow is the client, and by what that is known: a handshake, a socket of this node, the first
// packet, the ports. The rule is in the receiver's README.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../bpf/flow.h"
#include "conversations.h"
#include "failure.h"
#include "file_descriptor.h"
#include "node_sockets.h"
#include "openings.h"

namespace weir
{

struct Identity;
struct NewFlow;

class Roles
{
      public:
	// guess: where nothing else tells, the end with the higher port is the client.
	Roles(Openings &openings, NodeSockets sockets, bool guess);

	// Returns whether a connection that was known before is seen otherwise now.
	bool decide(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows);

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
	// A connection of this read that no handshake tells about.
	struct Undecided {
		uint32_t connection;
		bool is_new;
		uint64_t lower_first_ns, higher_first_ns; // first packet that the end sent; UINT64_MAX: none
	};

	void gather(const MapView<flow_slot> &slots, NewFlow &flow);
	void note_undecided(const NewFlow &flow, bool is_new, uint64_t first_ns);
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
	std::vector<Undecided> undecided_;
	std::optional<Failure> sockets_failure_;
};

} // namespace weir
