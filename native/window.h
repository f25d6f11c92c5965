// SPDX-License-Identifier: Apache-2.0
// What a collect hands out: rows in the caller's arrays, and the sums of what it read by interface, direction and what
// became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <endian.h>

#include "../bpf/flow.h"
#include "identity.h"
#include "sums.h"
#include "true_ends.h"

namespace weir
{

// Where rows go; every array has `capacity` elements.
struct Columns {
	size_t capacity;
	uint32_t *src, *dst;
	uint16_t *src_port, *dst_port;
	uint8_t *transport, *direction;
	uint16_t *iface;
	uint8_t *initiator, *guessed, *tunnel;
	double *bytes, *packets;
	// One element a translated row: which it is, what its packets show where that is not a true end, and what was
	// dialled where that is not the end that answers.
	uint32_t *nat_row, *nat_src, *nat_dst, *nat_dialled;
	uint16_t *nat_src_port, *nat_dst_port, *nat_dialled_port;
};

// In nat_src, nat_dst and nat_dialled: it is not translated.
constexpr uint32_t no_endpoint = UINT32_MAX;

// What a row has beside its key.
struct Row {
	uint32_t src, dst; // codes of endpoints
	Identity identity;
	flow_amount amount;
	flow_amount inside = {};		  // of the amount: went into a tunnel that is counted outside
	const Translation *translation = nullptr; // none: the key has the true ends
};

struct Window {
	uint32_t scale = 1; // of rows
	size_t rows = 0;
	size_t translated_rows = 0;
	bool complete = true;
	size_t first_new_endpoint = 0;
	Sums sums; // of what became of packets; LEAVES as well
	uint32_t slots = 0;
	uint32_t used_slots = 0;
	size_t overflow_flows = 0;
	uint64_t scan_ns = 0;
	std::string sockets_failure; // why the sockets of this node are not known; empty: they are
	NatLookUps nat_look_ups;

	// There must be room for it. What is left out is in the sums alone, and these are not scaled.
	void add(const Columns &columns, const flow_key &key, const Row &row)
	{
		sums.add(key.iface, key.direction, LEFT_OUT_TUNNEL, row.inside);
		const flow_amount amount = {.bytes = row.amount.bytes - row.inside.bytes,
					    .packets = row.amount.packets - row.inside.packets};
		if (amount.packets == 0)
			return;
		sums.add(key.iface, key.direction, row.identity.disposition, amount);
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
		columns.tunnel[at] = row.identity.tunnel;
		columns.bytes[at] = static_cast<double>(amount.bytes) * scale;
		columns.packets[at] = static_cast<double>(amount.packets) * scale;
		if (row.translation) [[unlikely]]
			add_translation(columns, at, key, *row.translation);
	}

      private:
	__attribute__((noinline)) void add_translation(const Columns &columns, size_t row, const flow_key &key,
						       const Translation &translation)
	{
		columns.src_port[row] = be16toh(translation.ends.src_port);
		columns.dst_port[row] = be16toh(translation.ends.dst_port);
		const size_t at = translated_rows++;
		columns.nat_row[at] = static_cast<uint32_t>(row);
		columns.nat_src[at] = translation.src_differs ? translation.wire_src : no_endpoint;
		columns.nat_dst[at] = translation.dst_differs ? translation.wire_dst : no_endpoint;
		columns.nat_src_port[at] = be16toh(key.src_port);
		columns.nat_dst_port[at] = be16toh(key.dst_port);
		columns.nat_dialled[at] = translation.dialled_differs ? translation.dialled_code : no_endpoint;
		columns.nat_dialled_port[at] = be16toh(translation.dialled_port);
	}
};

} // namespace weir
