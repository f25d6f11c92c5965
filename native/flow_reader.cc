// SPDX-License-Identifier: Apache-2.0
#include "flow_reader.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir
{

namespace
{

// Slots that are looked at together: 16 KiB, so that they are still in the first-level cache the second time. A power
// of two, as the number of slots is.
constexpr uint32_t scan_block = 256;

// The processor fetches lines ahead on its own, but not over the end of a page, where it is slowest.
constexpr uint32_t slots_ahead = 96;

// The window just read is one; more than `limit` of them without a packet is idle.
bool is_idle(const flow_slot &slot, uint32_t epoch, uint32_t limit)
{
	return __atomic_load_n(&slot.state, __ATOMIC_RELAXED) == SLOT_DEAD ||
	       epoch - __atomic_load_n(&slot.epoch, __ATOMIC_RELAXED) > limit;
}

} // namespace

FlowReader::FlowReader(const BpfObject &object, uint32_t max_slots, uint32_t first_mask, const ReadOptions &options,
		       NodeSockets sockets, std::shared_ptr<Conntrack> conntrack,
		       std::shared_ptr<const DevicePlaces> places, Progress *progress)
    : slots_descriptor_(object.map_descriptor("flow_slots")), max_slots_(max_slots),
      idle_windows_(options.idle_windows), sampling_(options.sampling),
      control_(object.map_descriptor(".data.control"), 1, ".data.control"),
      overflow_(object.map_descriptor("overflow_0"), object.map_descriptor("overflow_1")),
      openings_(object.map_descriptor("flow_cold"), first_mask),
      identifier_(openings_, TrueEnds(std::move(conntrack), places),
		  Roles(openings_, std::move(sockets), options.guess_ports), options.tunnel_mode, places),
      follows_into_tunnels_(options.tunnel_mode == TunnelMode::outer), progress_(progress)
{
	follow_mask();
	if (progress_)
		take_over();
}

// Maps as many slots as the program uses by now; the mask never shrinks. There is a Known for each mapped slot, also
// when one of the two cannot be had.
void FlowReader::follow_mask()
{
	const size_t slots = static_cast<size_t>(__atomic_load_n(&control_->mask, __ATOMIC_ACQUIRE)) + 1;
	if (slots == slots_.size())
		return;
	known_.resize(slots);
	if (progress_)
		progress_->map_slots(slots);
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
	       __atomic_load_n(&control_->overflow_used[1], __ATOMIC_RELAXED);
}

Window FlowReader::collect(const Columns &columns, const std::optional<OwnConnections> &own)
{
	forget_window();
	try {
		return read_window(columns, own);
	} catch (...) {
		// Rows that nobody got must not be committed.
		forget_window();
		throw;
	}
}

void FlowReader::forget_window()
{
	if (progress_) {
		for (const Pending &row : pending_)
			progress_->unstage_slot(row.index);
		if (overflow_written_)
			progress_->forget_overflow(Overflow::unused(*control_.operator->()));
	}
	pending_.clear();
	NewFlows().swap(new_flows_);
	idle_.clear();
	overflow_written_ = false;
	openings_.unmap();
}

Window FlowReader::read_window(const Columns &columns, const std::optional<OwnConnections> &own)
{
	const auto start = std::chrono::steady_clock::now();
	Window window;
	window.scale = sampling_;
	window.first_new_endpoint = interner_.addresses().size();
	drop_stale_codes();
	if (follows_into_tunnels_)
		take_snapshot();
	empty_overflow();
	const uint32_t unused = Overflow::unused(*control_.operator->());
	const bool overflow_waits = __atomic_load_n(&control_->overflow_used[unused], __ATOMIC_ACQUIRE) > 0 &&
				    __atomic_load_n(&control_->overflow_used[unused ^ 1], __ATOMIC_ACQUIRE) > 0;
	const std::vector<OverflowFlow> overflow = read_overflow(columns, window);
	// Programs stamp packets with the new epoch from here on; a slot stamped with an older one was idle since.
	__atomic_add_fetch(&control_->epoch, 1, __ATOMIC_SEQ_CST);
	follow_mask();
	// What left through tunnels since is in the other map: without it, rows would leave that it is to be taken off.
	if (!(overflow_waits && follows_into_tunnels_))
		scan(columns, own, overflow.size(), window);
	take_overflow(own, overflow);
	// In the other map, until this one is committed and emptied.
	if (overflow_waits)
		window.complete = false;
	add_new_flows(columns, own, overflow, window);
	openings_.unmap();
	window.slots = static_cast<uint32_t>(slots_.size());
	window.used_slots = __atomic_load_n(&control_->used, __ATOMIC_RELAXED);
	window.overflow_flows = overflow.size();
	window.scan_ns = static_cast<uint64_t>(
	    std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count());
	return window;
}

// What left through a tunnel is read after what came in, so that it has at least the packets of the rows it is taken
// off.
void FlowReader::take_snapshot()
{
	follow_mask();
	snapshot_.resize(slots_.size());
	for (uint32_t index = 0; index < slots_.size(); index++)
		snapshot_[index] = {.bytes = load_counter(slots_[index].bytes),
				    .packets = load_counter(slots_[index].packets)};
}

// A slot that the table got after the snapshot is read the next time.
flow_amount FlowReader::total_of(uint32_t index) const
{
	if (!follows_into_tunnels_)
		return {.bytes = load_counter(slots_[index].bytes), .packets = load_counter(slots_[index].packets)};
	return index < snapshot_.size() ? snapshot_[index] : flow_amount{};
}

// Of `count` slots, which ones have a flow. Whether one does is as good as random, so it is no branch.
uint32_t FlowReader::live_slots(uint32_t first, uint32_t count, uint32_t *live) const
{
	uint32_t found = 0;
	const flow_slot *const ahead = &slots_[slots_ahead];
	for (uint32_t index = first; index < first + count; index++) {
		__builtin_prefetch(ahead + index);
		// Before the key: a free slot still shows the key of the flow it had.
		const uint32_t state = __atomic_load_n(&slots_[index].state, __ATOMIC_ACQUIRE);
		live[found] = index;
		found += (state == SLOT_READY) | (state == SLOT_DEAD);
	}
	return found;
}

// Leaves room for as many rows beside those of slots.
void FlowReader::scan(const Columns &columns, const std::optional<OwnConnections> &own, size_t reserved, Window &window)
{
	// Room for all of them at once, and not again soon where flows become more: moving is what costs.
	if (pending_.capacity() < row_bound())
		pending_.reserve(std::max(row_bound(), 2 * pending_.capacity()));
	const uint32_t epoch = __atomic_load_n(&control_->epoch, __ATOMIC_RELAXED);
	const uint32_t limit = idle_limit();
	const auto slots = static_cast<uint32_t>(slots_.size()), block = std::min(slots, scan_block);
	uint32_t live[scan_block];

	for (uint32_t first = 0; first < slots; first += block) {
		const uint32_t count = live_slots(first, block, live);
		for (uint32_t i = 0; i < count; i++) {
			const uint32_t index = live[i];
			const Known &known = known_[index];
			const flow_amount total = total_of(index);
			// Programs add the bytes of a packet before the packet. Bytes alone are of one that is being
			// added: no row would show them, so they wait for the next collect.
			if (total.packets == known.packets) {
				if (total.bytes == known.bytes && is_idle(slots_[index], epoch, limit))
					idle_.push_back(index);
			} else if (window.rows + new_flows_.size() + reserved == columns.capacity) {
				window.complete = false;
			} else if (known.identity.decided) {
				add_row(columns, window, index, total);
			} else {
				note_new(own, index);
			}
		}
	}
}

// Its counters are read when its row is made.
void FlowReader::note_new(const std::optional<OwnConnections> &own, uint32_t index)
{
	// Memory that is not touched costs nothing, and moving what is there would.
	if (new_flows_.empty())
		new_flows_.reserve(row_bound());
	NewFlow flow = {.key = &slots_[index].key, .slot = index, .identity = known_[index].identity};
	if (identifier_.meet(slots_, own, flow))
		new_flows_.push_back(std::move(flow));
}

} // namespace weir
