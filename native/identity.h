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
#include "tunnels.h"

namespace weir
{

// What becomes of a flow that was counted; the names are those of the ledger's reasons (conversions.h).
enum disposition : uint8_t { LEAVES, LEFT_OUT_SELF, LEFT_OUT_TUNNEL, LEFT_OUT_ELSEWHERE };

struct Identity {
	weir::initiator initiator = INITIATOR_UNKNOWN;
	weir::disposition disposition = LEAVES;
	uint8_t tunnel = 0; // kind code of the tunnel that these packets carry
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
};

class Identifier
{
      public:
	Identifier(Openings &openings, TunnelMode tunnel_mode) : openings_(openings), tunnel_mode_(tunnel_mode) {}

	void identify(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows);

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
	Openings &openings_;
	TunnelMode tunnel_mode_;
	Tunnels tunnels_;
};

} // namespace weir
