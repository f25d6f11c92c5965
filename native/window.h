// SPDX-License-Identifier: Apache-2.0
// What a collect hands out: rows in the caller's arrays, and their sums by interface and direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include <endian.h>

#include "../bpf/flow.h"
#include "openings.h"

namespace weir
{

// Where rows go; every array has `capacity` elements.
struct Columns {
	size_t capacity;
	uint32_t *src, *dst;
	uint16_t *src_port, *dst_port;
	uint8_t *transport, *direction;
	uint16_t *iface;
	uint8_t *initiator;
	double *bytes, *packets;
};

// What a row has beside its key.
struct Row {
	uint32_t src, dst; // codes of endpoints
	weir::initiator initiator;
	uint64_t bytes, packets;
};

struct Window {
	size_t rows = 0;
	bool complete = true;
	size_t first_new_endpoint = 0;
	std::unordered_map<uint32_t, flow_amount> sums; // by iface << 1 | direction
	uint32_t slots = 0;
	uint32_t used_slots = 0;
	size_t overflow_flows = 0;
	uint64_t scan_ns = 0;

	// There must be room for it.
	void add(const Columns &columns, const flow_key &key, const Row &row)
	{
		const size_t at = rows++;
		columns.src[at] = row.src;
		columns.dst[at] = row.dst;
		columns.src_port[at] = be16toh(key.src_port);
		columns.dst_port[at] = be16toh(key.dst_port);
		columns.transport[at] = key.transport;
		columns.direction[at] = key.direction;
		columns.iface[at] = key.iface;
		columns.initiator[at] = row.initiator;
		columns.bytes[at] = static_cast<double>(row.bytes);
		columns.packets[at] = static_cast<double>(row.packets);

		flow_amount &sum = sums[static_cast<uint32_t>(key.iface) << 1 | key.direction];
		sum.bytes += row.bytes;
		sum.packets += row.packets;
	}
};

} // namespace weir
