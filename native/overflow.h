// SPDX-License-Identifier: Apache-2.0
// Reads and empties the overflow maps: programs are turned to the other one, and what is left has no writers. It stays
// there until it is committed.
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
	// What is in the map that programs do not use, which they are turned to the other one for unless it has
	// something already. Waits for running programs when there is anything. Throws Failure.
	std::vector<OverflowFlow> read(flow_control &control) const;
	// Of a generation that no program writes to.
	std::vector<OverflowFlow> flows(uint32_t generation) const;
	// The generation that read() reads.
	static uint32_t unused(const flow_control &control)
	{
		return (__atomic_load_n(&control.overflow_generation, __ATOMIC_ACQUIRE) & 1) ^ 1;
	}
	// Takes everything out of a generation that no program writes to. Throws Failure: then the rest is still there.
	void empty(uint32_t generation, flow_control &control) const;

      private:
	int descriptors_[2];
};

} // namespace weir
