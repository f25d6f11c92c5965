// SPDX-License-Identifier: Apache-2.0
// What user space makes of a flow when it sees it first, beyond what its packets say: who opened the connection, and
// whether it leaves as a row or is left out on purpose. Decided for all new flows of a collect at once.
#pragma once

#include <cstdint>
#include <vector>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "openings.h"
#include "own_connections.h"
#include "roles.h"

namespace weir
{

// What becomes of a flow that was counted; the names are those of the ledger's reasons (conversions.h).
enum disposition : uint8_t { LEAVES, LEFT_OUT_SELF, LEFT_OUT_TUNNEL };

struct Identity {
	weir::initiator initiator = INITIATOR_UNKNOWN;
	weir::disposition disposition = LEAVES;
	bool guessed = false;	      // the initiator, by the ports
	bool source_is_lower = false; // of the connection's two ends
	uint32_t connection = 0;      // as Conversations numbers them; 0: none
};

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
	Identifier(Openings &openings, Roles roles) : openings_(openings), roles_(std::move(roles)) {}

	// own: undefined where the agent's own connections leave as any other.
	// Returns whether flows that are not new have another identity now: roles().follow() tells.
	bool identify(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own,
		      std::vector<NewFlow> &flows);

	Roles &roles()
	{
		return roles_;
	}

      private:
	void find_own(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow);

	Openings &openings_;
	Roles roles_;
};

} // namespace weir
