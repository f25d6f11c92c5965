// SPDX-License-Identifier: Apache-2.0
#include "flow_reader.h"

#include <chrono>
#include <utility>

#include <netinet/in.h>

#include "grace_period.h"

namespace weir
{

namespace
{

// An idle TCP connection whose opening was seen keeps its slot this many times longer, since with the slot goes the
// knowledge of who opened it; FIN, RST or a table more than half full end that.
constexpr uint32_t open_connection_factor = 120;

uint64_t load(const __u64 &counter)
{
	return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

} // namespace

FlowReader::FlowReader(const BpfObject &object, uint32_t max_slots, uint32_t idle_windows)
    : slots_descriptor_(object.map_descriptor("flow_slots")), max_slots_(max_slots), idle_windows_(idle_windows),
      control_(object.map_descriptor(".data.control"), 1, ".data.control"),
      overflow_(object.map_descriptor("overflow_0"), object.map_descriptor("overflow_1")),
      openings_(object.map_descriptor("flow_cold"), control_->mask)
{
	follow_mask();
}

// Maps as many slots as the program uses by now; the mask never shrinks. There is a Known for each mapped slot, also
// when one of the two cannot be had.
void FlowReader::follow_mask()
{
	const size_t slots = static_cast<size_t>(__atomic_load_n(&control_->mask, __ATOMIC_ACQUIRE)) + 1;
	if (slots == slots_.size())
		return;
	known_.resize(slots);
	slots_ = MapView<flow_slot>(slots_descriptor_, slots, "flow_slots");
}

// The table cannot grow any more, and its second half is in use.
bool FlowReader::crowded() const
{
	return __atomic_load_n(&control_->used, __ATOMIC_RELAXED) > max_slots_ / 2;
}

uint32_t FlowReader::idle_limit() const
{
	return crowded() ? 1 : idle_windows_;
}

size_t FlowReader::row_bound() const
{
	return __atomic_load_n(&control_->used, __ATOMIC_RELAXED) +
	       __atomic_load_n(&control_->overflow_used[0], __ATOMIC_RELAXED) +
	       __atomic_load_n(&control_->overflow_used[1], __ATOMIC_RELAXED) +
	       drained_flows_.load(std::memory_order_relaxed);
}

Window FlowReader::collect(const Columns &columns)
{
	forget_window();
	try {
		return read_window(columns);
	} catch (...) {
		// Rows that nobody got must not be committed.
		forget_window();
		throw;
	}
}

void FlowReader::forget_window()
{
	pending_.clear();
	idle_.clear();
	overflow_written_ = 0;
	openings_.unmap();
	drained_flows_.store(overflow_flows_.size(), std::memory_order_relaxed);
}

Window FlowReader::read_window(const Columns &columns)
{
	const auto start = std::chrono::steady_clock::now();
	Window window;
	window.first_new_endpoint = interner_.addresses().size();
	overflow_.drain(*control_.operator->(), overflow_flows_);
	drained_flows_.store(overflow_flows_.size(), std::memory_order_relaxed);
	// Programs stamp packets with the new epoch from here on; a slot stamped with an older one was idle since.
	__atomic_add_fetch(&control_->epoch, 1, __ATOMIC_SEQ_CST);
	follow_mask();
	scan(columns, window);
	write_overflow(columns, window);
	openings_.unmap();
	window.slots = static_cast<uint32_t>(slots_.size());
	window.used_slots = __atomic_load_n(&control_->used, __ATOMIC_RELAXED);
	window.overflow_flows = overflow_flows_.size();
	window.scan_ns = static_cast<uint64_t>(
	    std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count());
	return window;
}

void FlowReader::scan(const Columns &columns, Window &window)
{
	const uint32_t epoch = __atomic_load_n(&control_->epoch, __ATOMIC_RELAXED);
	const uint32_t limit = idle_limit();

	for (uint32_t index = 0; index < slots_.size(); index++) {
		const flow_slot &slot = slots_[index];
		// Before the key: a free slot still shows the key of the flow it had.
		const uint32_t state = __atomic_load_n(&slot.state, __ATOMIC_ACQUIRE);
		if (state != SLOT_READY && state != SLOT_DEAD)
			continue;
		Known &known = known_[index];
		const uint64_t bytes = load(slot.bytes), packets = load(slot.packets);
		if (bytes == known.bytes && packets == known.packets) {
			// The window just read is one; more than `limit` of them without a packet is idle.
			if (state == SLOT_DEAD || epoch - __atomic_load_n(&slot.epoch, __ATOMIC_RELAXED) > limit)
				idle_.push_back(index);
			continue;
		}
		if (window.rows == columns.capacity) {
			window.complete = false;
			continue;
		}
		if (known.endpoint_epoch != endpoint_epoch_)
			read_identity(index, known);
		window.add(columns, slot.key,
			   {.src = known.src,
			    .dst = known.dst,
			    .initiator = known.initiator,
			    .bytes = bytes - known.bytes,
			    .packets = packets - known.packets});
		pending_.push_back({.index = index, .bytes = bytes, .packets = packets});
	}
}

void FlowReader::read_identity(uint32_t index, Known &known)
{
	const flow_key &key = slots_[index].key;
	if (known.endpoint_epoch == 0 && key.transport == IPPROTO_TCP)
		known.initiator = openings_.initiator_of(slots_, index);
	known.src = interner_.code(key.src);
	known.dst = interner_.code(key.dst);
	known.endpoint_epoch = endpoint_epoch_;
}

// Drained flows have no slot, so nobody knows who opened them.
void FlowReader::write_overflow(const Columns &columns, Window &window)
{
	for (const OverflowFlow &flow : overflow_flows_) {
		if (window.rows == columns.capacity) {
			window.complete = false;
			return;
		}
		window.add(columns, flow.key,
			   {.src = interner_.code(flow.key.src),
			    .dst = interner_.code(flow.key.dst),
			    .initiator = INITIATOR_UNKNOWN,
			    .bytes = flow.amount.bytes,
			    .packets = flow.amount.packets});
		overflow_written_++;
	}
}

size_t FlowReader::commit()
{
	for (const Pending &row : pending_) {
		known_[row.index].bytes = row.bytes;
		known_[row.index].packets = row.packets;
	}
	pending_.clear();
	overflow_flows_.erase(overflow_flows_.begin(),
			      overflow_flows_.begin() + static_cast<std::ptrdiff_t>(overflow_written_));
	overflow_written_ = 0;
	drained_flows_.store(overflow_flows_.size(), std::memory_order_relaxed);

	// Only slots that this call marks are freed by it. Should it fail, the next scan finds the dead ones again.
	std::vector<uint32_t> dead;
	for (const uint32_t index : std::exchange(idle_, {})) {
		if (may_free(index) && mark_dead(index))
			dead.push_back(index);
	}
	openings_.unmap();
	if (dead.empty())
		return 0;
	wait_for_running_programs();
	size_t freed = 0;
	for (const uint32_t index : dead)
		freed += free_slot(index);
	return freed;
}

bool FlowReader::may_free(uint32_t index)
{
	const flow_slot &slot = slots_[index];
	if (__atomic_load_n(&slot.state, __ATOMIC_RELAXED) == SLOT_DEAD)
		return true;
	const uint32_t idle_epochs =
	    __atomic_load_n(&control_->epoch, __ATOMIC_RELAXED) - __atomic_load_n(&slot.epoch, __ATOMIC_RELAXED);
	if (idle_epochs == 0)
		return false; // a packet came after the scan
	if (known_[index].initiator == INITIATOR_UNKNOWN || crowded() ||
	    idle_epochs > uint64_t{idle_windows_} * open_connection_factor)
		return true;
	return !openings_.is_open(slots_, index);
}

// From here on no program that starts counts into the slot; those that run are waited for.
bool FlowReader::mark_dead(uint32_t index)
{
	uint32_t expected = SLOT_READY;
	return __atomic_compare_exchange_n(&slots_[index].state, &expected, SLOT_DEAD, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST) ||
	       expected == SLOT_DEAD;
}

// A packet that came between the scan and the mark stays in the dead slot for the next collect.
bool FlowReader::free_slot(uint32_t index)
{
	flow_slot &slot = slots_[index];
	if (load(slot.bytes) != known_[index].bytes || load(slot.packets) != known_[index].packets)
		return false;
	known_[index] = {};
	__atomic_store_n(&slot.bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot.packets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot.state, SLOT_FREE, __ATOMIC_RELEASE);
	__atomic_sub_fetch(&control_->used, 1, __ATOMIC_RELAXED);
	return true;
}

void FlowReader::new_endpoint_epoch()
{
	interner_.clear();
	endpoint_epoch_++;
}

} // namespace weir
