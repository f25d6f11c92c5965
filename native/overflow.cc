// SPDX-License-Identifier: Apache-2.0
#include "overflow.h"

#include <algorithm>

#include <bpf/bpf.h>

#include "failure.h"
#include "grace_period.h"

namespace weir
{

std::vector<OverflowFlow> Overflow::read(flow_control &control) const
{
	const auto used = [&](uint32_t generation) {
		return __atomic_load_n(&control.overflow_used[generation], __ATOMIC_ACQUIRE) > 0;
	};
	const uint32_t other = unused(control), current = other ^ 1;
	if (used(other)) {
		// Programs that were turned away may still be writing, when it was not this process that turned them.
		wait_for_running_programs();
		return flows(other);
	}
	if (!used(current))
		return {};
	__atomic_store_n(&control.overflow_generation, other, __ATOMIC_SEQ_CST);
	wait_for_running_programs();
	return flows(current);
}

std::vector<OverflowFlow> Overflow::flows(uint32_t generation) const
{
	std::vector<flow_key> keys(OVERFLOW_FLOWS);
	std::vector<flow_amount> amounts(OVERFLOW_FLOWS);
	std::vector<OverflowFlow> flows;
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t position = 0;
	for (int error = 0; error == 0;) {
		uint32_t count = OVERFLOW_FLOWS, next = 0;
		std::fill(amounts.begin(), amounts.end(), flow_amount{});
		if (bpf_map_lookup_batch(descriptors_[generation], position ? &position : nullptr, &next, keys.data(),
					 amounts.data(), &count, &options)) {
			error = errno;
			if (error != ENOENT) // ENOENT: that was the last of them
				throw Failure("bpf_map_lookup_batch overflow", error);
		}
		// A call that fails may leave the count as it was: there is no flow without a packet.
		for (uint32_t i = 0; i < count && amounts[i].packets > 0; i++)
			flows.push_back({.key = keys[i], .amount = amounts[i]});
		position = next;
	}
	return flows;
}

void Overflow::empty(uint32_t generation, flow_control &control) const
{
	std::vector<flow_key> keys(OVERFLOW_FLOWS);
	std::vector<flow_amount> amounts(OVERFLOW_FLOWS);
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t position = 0;
	for (int error = 0; error == 0;) {
		uint32_t count = OVERFLOW_FLOWS, next = 0;
		if (bpf_map_lookup_and_delete_batch(descriptors_[generation], position ? &position : nullptr, &next,
						    keys.data(), amounts.data(), &count, &options))
			error = errno;
		if (error != 0 && error != ENOENT)
			throw Failure("bpf_map_lookup_and_delete_batch overflow", error);
		position = next;
	}
	__atomic_store_n(&control.overflow_used[generation], 0, __ATOMIC_RELEASE);
}

} // namespace weir
