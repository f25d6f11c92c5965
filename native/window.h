// SPDX-License-Identifier: Apache-2.0
// What a collect hands out: rows in the caller's arrays, and the sums of what it read by interface, direction and what
// became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include <endian.h>

#include "../bpf/flow.h"
#include "identity.h"

namespace weir
{

// Where rows go; every array has `capacity` elements.
struct Columns {
	size_t capacity;
	uint32_t *src, *dst;
	uint16_t *src_port, *dst_port;
	uint8_t *transport, *direction;
	uint16_t *iface;
	uint8_t *initiator, *guessed;
	double *bytes, *packets;
};

// What a row has beside its key.
struct Row {
	uint32_t src, dst; // codes of endpoints
	Identity identity;
	flow_amount amount;
};

// Where a sum belongs.
struct Place {
	uint16_t iface;
	uint8_t direction;
	weir::disposition disposition;

	bool operator==(const Place &) const = default;
};

struct PlaceHash {
	size_t operator()(const Place &place) const
	{
		return static_cast<size_t>(place.iface) << 16 | place.direction << 8 | place.disposition;
	}
};

struct Window {
	size_t rows = 0;
	bool complete = true;
	size_t first_new_endpoint = 0;
	std::unordered_map<Place, flow_amount, PlaceHash> sums;
	uint32_t slots = 0;
	uint32_t used_slots = 0;
	size_t overflow_flows = 0;
	uint64_t scan_ns = 0;
	std::string sockets_failure; // why the sockets of this node are not known; empty: they are

	// There must be room for it. What is left out is in the sums alone.
	void add(const Columns &columns, const flow_key &key, const Row &row)
	{
		flow_amount &sum = sums[{key.iface, key.direction, row.identity.disposition}];
		sum.bytes += row.amount.bytes;
		sum.packets += row.amount.packets;
		if (row.identity.disposition != LEAVES)
			return;

		const size_t at = rows++;
		columns.src[at] = row.src;
		columns.dst[at] = row.dst;
		columns.src_port[at] = be16toh(key.src_port);
		columns.dst_port[at] = be16toh(key.dst_port);
		columns.transport[at] = key.transport;
		columns.direction[at] = key.direction;
		columns.iface[at] = key.iface;
		columns.initiator[at] = row.identity.initiator;
		columns.guessed[at] = row.identity.guessed;
		columns.bytes[at] = static_cast<double>(row.amount.bytes);
		columns.packets[at] = static_cast<double>(row.amount.packets);
	}
};

} // namespace weir
