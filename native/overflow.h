// SPDX-License-Identifier: Apache-2.0
// Empties the overflow maps: programs are turned to the other one, and what is left has no writers.
#pragma once

#include <cstdint>
#include <vector>

#include "../bpf/flow.h"

namespace weir
{

struct OverflowFlow {
	flow_key key;
	flow_amount amount;
};

class Overflow
{
      public:
	Overflow(int first_descriptor, int second_descriptor) : descriptors_{first_descriptor, second_descriptor} {}
	// Appends what is in the map in use to `flows` and leaves the map empty. Waits for running programs when there
	// is anything. Throws Failure: what had left the map by then is in `flows`, the rest comes with the next call.
	void drain(flow_control &control, std::vector<OverflowFlow> &flows) const;

      private:
	// Of a generation that no program writes to.
	void empty(uint32_t generation, flow_control &control, std::vector<OverflowFlow> &flows) const;

	int descriptors_[2];
};

} // namespace weir
