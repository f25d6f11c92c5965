// SPDX-License-Identifier: Apache-2.0
// Reads the flow table through shared memory while programs count into it. Counters only grow, so a window is the
// difference to what was committed last; nothing is taken until the rows are committed. Slots that have been idle are
// freed in commit(): marked dead, a grace period, a last look, and only then given back.
//
// One call at a time, from any thread; new_endpoint_epoch() and row_bound() between calls.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "interner.h"
#include "loader.h"
#include "overflow.h"

namespace weir {

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

struct Window {
	size_t rows = 0;
	bool complete = true;
	size_t first_new_endpoint = 0;
	std::unordered_map<uint32_t, flow_amount> sums; // by iface << 1 | direction
	uint32_t slots = 0;
	uint32_t used_slots = 0;
	size_t overflow_flows = 0;
	uint64_t scan_ns = 0;
};

class FlowReader {
      public:
	FlowReader(const BpfObject &object, uint32_t idle_windows);

	Window collect(const Columns &columns);
	// Returns how many slots were freed. After a Failure the rows are committed all the same.
	size_t commit();
	void new_endpoint_epoch();
	size_t row_bound() const;
	const std::vector<Address> &endpoints() const
	{
		return interner_.addresses();
	}

      private:
	// What user space keeps of a slot.
	struct Known {
		uint64_t bytes;
		uint64_t packets;
		uint32_t src;
		uint32_t dst;
		uint32_t endpoint_epoch; // of src and dst; 0: the key was not read yet
		uint8_t initiator;
	};
	struct Pending {
		uint32_t index;
		uint64_t bytes;
		uint64_t packets;
	};

	void follow_mask();
	void scan(const Columns &columns, Window &window);
	void read_identity(uint32_t index, Known &known);
	void write_row(const Columns &columns, Window &window, const flow_key &key, const Known &known, uint64_t bytes,
		       uint64_t packets);
	void write_overflow(const Columns &columns, Window &window);
	const MapView<flow_cold> &cold();
	uint32_t idle_limit() const;
	bool may_free(uint32_t index, uint32_t idle_epochs);
	bool mark_dead(uint32_t index);
	bool free_slot(uint32_t index);

	int slots_descriptor_;
	int cold_descriptor_;
	uint32_t max_slots_;
	uint32_t idle_windows_;
	MapView<flow_control> control_;
	MapView<flow_slot> slots_;
	std::optional<MapView<flow_cold>> cold_; // only while it is read: a mapping counts whole in resident memory
	Overflow overflow_;
	Interner interner_;
	uint32_t endpoint_epoch_ = 1;
	std::vector<Known> known_;
	std::vector<Pending> pending_;
	std::vector<uint32_t> idle_;
	std::vector<OverflowFlow> overflow_flows_; // drained, not committed
	size_t overflow_written_ = 0;
};

} // namespace weir
