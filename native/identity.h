// SPDX-License-Identifier: Apache-2.0
// What user space makes of a flow when it sees it first, beyond what its packets say: who opened the connection, and
// whether it leaves as a row or is left out on purpose. Decided for all new flows of a collect at once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "openings.h"
#include "translation.h"

namespace weir
{

// What becomes of a flow that was counted; the names are those of the ledger's reasons (conversions.h).
enum disposition : uint8_t { LEAVES, LEFT_OUT_SELF, LEFT_OUT_TUNNEL };

struct Identity {
	weir::initiator initiator = INITIATOR_UNKNOWN;
	weir::disposition disposition = LEAVES;
	uint8_t asked_in_vain = 0; // times that conntrack had no answer

	// The entry may come after the packet, as a first packet's does.
	bool asks_again() const
	{
		return asked_in_vain > 0 && asked_in_vain < most_questions;
	}

      private:
	static constexpr uint8_t most_questions = 3;
};

// A flow of the overflow map has no slot.
constexpr uint32_t no_slot = UINT32_MAX;

struct NewFlow {
	flow_key key;
	uint32_t slot;
	flow_amount total;				    // since the slot was opened
	Identity identity = {};				    // what was known when it was asked about before
	std::unique_ptr<Translation> translation = nullptr; // none: its packets show the true ends
};

class TrueEnds;

class Identifier
{
      public:
	Identifier(Openings &openings, TrueEnds &true_ends) : openings_(openings), true_ends_(true_ends) {}

	void identify(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows);

      private:
	Openings &openings_;
	TrueEnds &true_ends_;
};

} // namespace weir
