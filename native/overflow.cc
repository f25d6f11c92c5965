// SPDX-License-Identifier: Apache-2.0
#include "overflow.h"

#include <algorithm>

#include <bpf/bpf.h>

#include "failure.h"
#include "grace_period.h"

namespace weir
{

void Overflow::drain(flow_control &control, std::vector<OverflowFlow> &flows) const
{
	const auto used = [&](uint32_t generation) {
		return __atomic_load_n(&control.overflow_used[generation], __ATOMIC_ACQUIRE) > 0;
	};
	const uint32_t current = __atomic_load_n(&control.overflow_generation, __ATOMIC_ACQUIRE) & 1;
	const uint32_t other = current ^ 1;
	// A drain that failed half-way left entries behind: they must be out before programs use that map again.
	if (used(other)) {
		wait_for_running_programs();
		empty(other, control, flows);
	}
	if (!used(current))
		return;
	__atomic_store_n(&control.overflow_generation, other, __ATOMIC_SEQ_CST);
	wait_for_running_programs();
	empty(current, control, flows);
}

void Overflow::empty(uint32_t generation, flow_control &control, std::vector<OverflowFlow> &flows) const
{
	std::vector<flow_key> keys(OVERFLOW_FLOWS);
	std::vector<flow_amount> amounts(OVERFLOW_FLOWS);
	flows.reserve(flows.size() + OVERFLOW_FLOWS); // while everything is still in the map
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t position = 0;
	for (int error = 0; error == 0;) {
		uint32_t count = OVERFLOW_FLOWS, next = 0;
		std::fill(amounts.begin(), amounts.end(), flow_amount{});
		if (bpf_map_lookup_and_delete_batch(descriptors_[generation], position ? &position : nullptr, &next,
						    keys.data(), amounts.data(), &count, &options))
			error = errno;
		// A call that fails may have taken entries out all the same. It may also leave the count as it was:
		// there is no flow without a packet.
		for (uint32_t i = 0; i < count && amounts[i].packets > 0; i++)
			flows.push_back({.key = keys[i], .amount = amounts[i]});
		if (error != 0 && error != ENOENT) // ENOENT: that was the last of them
			throw Failure("bpf_map_lookup_and_delete_batch overflow", error);
		position = next;
	}
	__atomic_store_n(&control.overflow_used[generation], 0, __ATOMIC_RELEASE);
}

} // namespace weir
