// SPDX-License-Identifier: Apache-2.0
// Lists the clsact queueing disciplines and filters of the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../bpf/flow.h"

namespace weir
{

struct ClassifierFilter {
	uint16_t preference = 0; // filters run in this order
	uint32_t handle = 0;
	std::string kind;	 // `bpf`, `flower`...
	std::string name;	 // of a bpf filter; libbpf writes `PROGRAM:[ID]`
	uint32_t program_id = 0; // of a bpf filter
};

// Of one hook of a device, in any order; none where the device has no clsact or is gone. Throws Failure.
std::vector<ClassifierFilter> list_filters(uint32_t ifindex, flow_direction direction);

// Indexes of the devices that have clsact. Throws Failure.
std::vector<uint32_t> list_clsact_devices();

} // namespace weir
