// SPDX-License-Identifier: Apache-2.0
// What user space makes of a flow when it sees it first, beyond what its packets say: who opened the connection, and
// whether it leaves as a row or is left out on purpose. Decided for all new flows of a collect at once.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "openings.h"
#include "own_connections.h"
#include "roles.h"
#include "tunnels.h"

namespace weir
{

// What becomes of a flow that was counted; the names are those of the ledger's reasons (conversions.h).
enum disposition : uint8_t { LEAVES, LEFT_OUT_SELF, LEFT_OUT_TUNNEL, LEFT_OUT_ELSEWHERE };

struct Identity {
	weir::initiator initiator = INITIATOR_UNKNOWN;
	weir::disposition disposition = LEAVES;
	bool guessed = false;	      // the initiator, by the ports
	bool source_is_lower = false; // of the connection's two ends
	uint32_t connection = 0;      // as Conversations numbers them; 0: none
	uint8_t tunnel = 0;	      // kind code of the tunnel that these packets carry
};

// Which of the two packets of a tunnel leaves as a flow: the one inside, or the one that carries it.
enum class TunnelMode : uint8_t { inner, outer, both };

// A flow of the overflow map has no slot.
constexpr uint32_t no_slot = UINT32_MAX;

struct NewFlow {
	flow_key key;
	uint32_t slot;
	flow_amount total; // since the slot was opened
	Identity identity = {};
	bool is_early = false; // nobody can tell yet what it is: it stays in the table until the next read
};

class Identifier
{
      public:
	Identifier(Openings &openings, Roles roles, TunnelMode tunnel_mode)
	    : openings_(openings), roles_(std::move(roles)), tunnel_mode_(tunnel_mode)
	{
	}

	// own: undefined where the agent's own connections leave as any other.
	// Returns whether flows that are not new have another identity now: roles().follow() tells.
	bool identify(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own,
		      std::vector<NewFlow> &flows);

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
	void find_own(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow);

	Openings &openings_;
	Roles roles_;
	TunnelMode tunnel_mode_;
	Tunnels tunnels_;
};

} // namespace weir
