// SPDX-License-Identifier: Apache-2.0
#include "overflow.h"

#include <bpf/bpf.h>

#include "failure.h"
#include "grace_period.h"

namespace weir {

void Overflow::drain(flow_control &control, std::vector<OverflowFlow> &flows) const
{
	const uint32_t generation = __atomic_load_n(&control.overflow_generation, __ATOMIC_ACQUIRE) & 1;
	const uint32_t other = generation ^ 1;
	// A drain that failed half-way left entries in the other map: they must be out before programs use it again.
	const bool unfinished = __atomic_load_n(&control.overflow_used[other], __ATOMIC_ACQUIRE) > 0;
	if (!unfinished && __atomic_load_n(&control.overflow_used[generation], __ATOMIC_ACQUIRE) == 0)
		return;
	const uint32_t drained = unfinished ? other : generation;
	if (!unfinished)
		__atomic_store_n(&control.overflow_generation, other, __ATOMIC_SEQ_CST);
	wait_for_running_programs();

	std::vector<flow_key> keys(OVERFLOW_FLOWS);
	std::vector<flow_amount> amounts(OVERFLOW_FLOWS);
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t position = 0;
	for (;;) {
		uint32_t count = OVERFLOW_FLOWS, next = 0;
		const int error = bpf_map_lookup_and_delete_batch(
		    descriptors_[drained], position ? &position : nullptr, &next, keys.data(), amounts.data(), &count,
		    &options);
		if (error && errno != ENOENT)
			throw Failure("bpf_map_lookup_and_delete_batch overflow", errno);
		for (uint32_t i = 0; i < count; i++)
			flows.push_back({.key = keys[i], .amount = amounts[i]});
		if (error)
			break;
		position = next;
	}
	__atomic_store_n(&control.overflow_used[drained], 0, __ATOMIC_RELEASE);
}

} // namespace weir
