// SPDX-License-Identifier: Apache-2.0
// What address translation did to a flow.
#pragma once

#include <cstdint>

#include "../bpf/flow.h"

namespace weir
{

// Of a flow at least one of whose ends is another one than its packets show, or another one than its client dialled.
struct Translation {
	flow_key ends; // the true ones, as the source and destination of the flow
	bool src_differs = false;
	bool dst_differs = false;
	uint32_t wire_src = 0; // codes of the endpoints that the packets show
	uint32_t wire_dst = 0;
	// Where the client turned to, if another one answers; in answers as well, which may show the true ends already.
	bool dialled_differs = false;
	uint8_t dialled[sizeof(flow_key::dst)] = {};
	uint16_t dialled_port = 0; // network byte order
	uint32_t dialled_code = 0;
};

} // namespace weir
