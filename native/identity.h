// SPDX-License-Identifier: Apache-2.0
// What user space makes of a flow when it sees it first, beyond what its packets say: who opened the connection, and
// whether it leaves as a row or is left out on purpose. Decided for all new flows of a collect at once.
#pragma once

#include <cstdint>
#include <vector>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "openings.h"

namespace weir
{

// What becomes of a flow that was counted; the names are those of the ledger's reasons (conversions.h).
enum disposition : uint8_t { LEAVES, LEFT_OUT_SELF, LEFT_OUT_TUNNEL };

struct Identity {
	weir::initiator initiator = INITIATOR_UNKNOWN;
	weir::disposition disposition = LEAVES;
};

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
	explicit Identifier(Openings &openings) : openings_(openings) {}

	void identify(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows);

      private:
	Openings &openings_;
};

} // namespace weir
