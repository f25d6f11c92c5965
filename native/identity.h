// SPDX-License-Identifier: Apache-2.0
// What user space makes of a flow when it sees it first, beyond what its packets say: who opened the connection, and
// whether it leaves as a row or is left out on purpose. Decided for all new flows of a collect at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../bpf/flow.h"
#include "device_places.h"
#include "file_descriptor.h"
#include "huge_pages.h"
#include "openings.h"
#include "own_connections.h"
#include "roles.h"
#include "translation.h"
#include "true_ends.h"
#include "tunnels.h"

namespace weir
{

// What becomes of a flow that was counted; the names are those of the ledger's reasons (conversions.h).
enum disposition : uint8_t { LEAVES, LEFT_OUT_SELF, LEFT_OUT_TUNNEL, LEFT_OUT_ELSEWHERE };

struct Identity {
	weir::initiator initiator = INITIATOR_UNKNOWN;
	weir::disposition disposition = LEAVES;
	bool guessed : 1 = false;	  // the initiator, by the ports
	bool source_is_lower : 1 = false; // of the connection's two ends
	uint8_t asked_in_vain : 2 = 0;	  // times that conntrack had no answer
	bool decided : 1 = false;	  // false: new, or to be asked about again
	bool translated : 1 = false;	  // its packets do not show the true ends
	uint8_t tunnel = 0;		  // kind code of the tunnel that these packets carry
	uint32_t connection = 0;	  // as Conversations numbers them; 0: none

	// The entry may come after the packet, as a first packet's does.
	bool asks_again() const
	{
		return asked_in_vain > 0 && asked_in_vain < most_questions;
	}

      private:
	static constexpr uint8_t most_questions = 3;
};

// Which of the two packets of a tunnel leaves as a flow: the one inside, or the one that carries it.
enum class TunnelMode : uint8_t { inner, outer, both };

// A flow of the overflow map has no slot.
constexpr uint32_t no_slot = UINT32_MAX;

// Kept small: a first read has as many as there are flows, and goes over them several times.
struct NewFlow {
	const flow_key *key; // stays where it is until the read ends
	uint32_t slot;
	uint32_t before = 0;		    // another undecided flow of its connection, by index plus one; 0: none
	Identity identity = {};		    // what was known when it was asked about before
	uint64_t first_ns = 0;		    // its first packet; of undecided ones
	initiator told = INITIATOR_UNKNOWN; // by conntrack
	bool begins_connection = false;	    // nobody had seen the connection
	std::unique_ptr<Translation> translation = nullptr; // none: its packets show the true ends
	std::unique_ptr<flow_key> dialled = nullptr;	    // what the client of a translated connection wanted

	const flow_key &true_ends() const
	{
		return translation ? translation->ends : *key;
	}
};
static_assert(sizeof(NewFlow) == 56);

using NewFlows = HugeVector<NewFlow>;

class Identifier
{
      public:
	Identifier(Openings &openings, TrueEnds true_ends, Roles roles, TunnelMode tunnel_mode,
		   std::shared_ptr<const DevicePlaces> places)
	    : openings_(openings), true_ends_(std::move(true_ends)), roles_(std::move(roles)),
	      tunnel_mode_(tunnel_mode), places_(std::move(places))
	{
	}

	// What the key of a new flow tells; own: undefined where the agent's own connections leave as any other.
	// Returns false where nobody can tell yet what it is: it stays in the table until the next read.
	bool meet(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own, NewFlow &flow);

	// All that were met in this read. Who the clients are, roles().follow() tells afterwards; returns whether it
	// tells something else now of flows that are not new.
	bool identify(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own, NewFlows &flows);

	TrueEnds &true_ends()
	{
		return true_ends_;
	}
	Roles &roles()
	{
		return roles_;
	}

	void set_tunnels(TunnelList list)
	{
		tunnels_.set(std::move(list));
	}
	// Decides again what the tunnels decide: whether the flow carries one, and whether it leaves.
	void judge_tunnel(const flow_key &key, Identity &identity) const;
	const Tunnels &tunnels() const
	{
		return tunnels_;
	}

      private:
	std::optional<flow_cold> cold_of(const MapView<flow_slot> &slots, const NewFlow &flow);
	void find_own_translated(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow);
	bool find_own(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow);

	Openings &openings_;
	TrueEnds true_ends_;
	Roles roles_;
	TunnelMode tunnel_mode_;
	std::shared_ptr<const DevicePlaces> places_;
	Tunnels tunnels_;
};

} // namespace weir
