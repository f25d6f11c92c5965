// SPDX-License-Identifier: Apache-2.0
#include "flow_reader.h"

#include <chrono>
#include <utility>

namespace weir
{

FlowReader::FlowReader(const BpfObject &object, uint32_t max_slots, uint32_t first_mask, uint32_t idle_windows,
		       NodeSockets sockets, bool guess_ports, std::shared_ptr<Conntrack> conntrack, Progress *progress)
    : slots_descriptor_(object.map_descriptor("flow_slots")), max_slots_(max_slots), idle_windows_(idle_windows),
      control_(object.map_descriptor(".data.control"), 1, ".data.control"),
      overflow_(object.map_descriptor("overflow_0"), object.map_descriptor("overflow_1")),
      openings_(object.map_descriptor("flow_cold"), first_mask),
      identifier_(openings_, TrueEnds(std::move(conntrack)), Roles(openings_, std::move(sockets), guess_ports)),
      progress_(progress)
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
	new_flows_.clear();
	idle_.clear();
	overflow_written_ = false;
	openings_.unmap();
}

Window FlowReader::read_window(const Columns &columns, const std::optional<OwnConnections> &own)
{
	const auto start = std::chrono::steady_clock::now();
	Window window;
	window.first_new_endpoint = interner_.addresses().size();
	empty_overflow();
	const uint32_t unused = Overflow::unused(*control_.operator->());
	const bool overflow_waits = __atomic_load_n(&control_->overflow_used[unused], __ATOMIC_ACQUIRE) > 0 &&
				    __atomic_load_n(&control_->overflow_used[unused ^ 1], __ATOMIC_ACQUIRE) > 0;
	const std::vector<OverflowFlow> overflow = overflow_.read(*control_.operator->());
	// Programs stamp packets with the new epoch from here on; a slot stamped with an older one was idle since.
	__atomic_add_fetch(&control_->epoch, 1, __ATOMIC_SEQ_CST);
	follow_mask();
	scan(columns, window);
	take_overflow(overflow, columns, window);
	// In the other map, until this one is committed and emptied.
	if (overflow_waits)
		window.complete = false;
	add_new_flows(columns, own, window);
	openings_.unmap();
	window.slots = static_cast<uint32_t>(slots_.size());
	window.used_slots = __atomic_load_n(&control_->used, __ATOMIC_RELAXED);
	window.overflow_flows = overflow.size();
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
		const uint64_t bytes = load_counter(slot.bytes), packets = load_counter(slot.packets);
		if (bytes == known.bytes && packets == known.packets) {
			// The window just read is one; more than `limit` of them without a packet is idle.
			if (state == SLOT_DEAD || epoch - __atomic_load_n(&slot.epoch, __ATOMIC_RELAXED) > limit)
				idle_.push_back(index);
			continue;
		}
		if (window.rows + new_flows_.size() == columns.capacity) {
			window.complete = false;
			continue;
		}
		const flow_amount total = {.bytes = bytes, .packets = packets};
		if (known.endpoint_epoch == 0)
			new_flows_.push_back(
			    {.key = slot.key, .slot = index, .total = total, .identity = known.identity});
		else
			add_row(columns, window, index, total);
	}
}

void FlowReader::add_row(const Columns &columns, Window &window, uint32_t index, flow_amount total)
{
	Known &known = known_[index];
	const flow_key &key = slots_[index].key;
	Translation *translation = known.translated ? translations_.at(index).get() : nullptr;
	if (known.endpoint_epoch != endpoint_epoch_) {
		const Codes codes = codes_of(key, translation);
		known.src = codes.src;
		known.dst = codes.dst;
		known.endpoint_epoch = endpoint_epoch_;
	}
	window.add(columns, key,
		   {.src = known.src,
		    .dst = known.dst,
		    .identity = known.identity,
		    .amount = {.bytes = total.bytes - known.bytes, .packets = total.packets - known.packets},
		    .translation = translation});
	pending_.push_back({.index = index, .total = total});
	if (progress_)
		progress_->stage_slot(index, total);
}

void FlowReader::add_new_flows(const Columns &columns, const std::optional<OwnConnections> &own, Window &window)
{
	if (identifier_.identify(slots_, own, new_flows_))
		correct_identities(columns);
	if (const auto &failure = identifier_.roles().sockets_failure())
		window.sockets_failure = failure->what();
	window.nat_look_ups = identifier_.true_ends().look_ups();
	for (NewFlow &flow : new_flows_) {
		if (flow.slot != no_slot) {
			learn(flow);
			add_row(columns, window, flow.slot, flow.total);
			if (flow.identity.asks_again())
				known_[flow.slot].endpoint_epoch = 0;
			continue;
		}
		const Codes codes = codes_of(flow.key, flow.translation.get());
		window.add(columns, flow.key,
			   {.src = codes.src,
			    .dst = codes.dst,
			    .identity = flow.identity,
			    .amount = flow.total,
			    .translation = flow.translation.get()});
	}
	new_flows_.clear();
}

void FlowReader::learn(NewFlow &flow)
{
	Known &known = known_[flow.slot];
	// It may have one: of a read that failed, or of a time when its true ends were not known.
	identifier_.roles().keep(flow.identity);
	identifier_.roles().release(known.identity);
	known.identity = flow.identity;
	known.translated = flow.translation != nullptr;
	if (known.translated)
		translations_[flow.slot] = std::move(flow.translation);
}

// The true ends, where they are known; what the packets show gets its codes as well.
FlowReader::Codes FlowReader::codes_of(const flow_key &key, Translation *translation)
{
	if (translation == nullptr)
		return {.src = interner_.code(key.src), .dst = interner_.code(key.dst)};
	translation->wire_src = interner_.code(key.src);
	translation->wire_dst = interner_.code(key.dst);
	return {.src = interner_.code(translation->ends.src), .dst = interner_.code(translation->ends.dst)};
}

// Of all that is known, and of the rows that were written before the new flows were looked at: one for each pending
// slot that is not left out.
void FlowReader::correct_identities(const Columns &columns)
{
	for (Known &known : known_)
		identifier_.roles().follow(known.identity);
	size_t row = 0;
	for (const Pending &pending : pending_) {
		const Identity &identity = known_[pending.index].identity;
		if (identity.disposition != LEAVES)
			continue;
		columns.initiator[row] = identity.initiator;
		columns.guessed[row] = identity.guessed;
		row++;
	}
}

void FlowReader::new_endpoint_epoch()
{
	interner_.clear();
	endpoint_epoch_++;
}

} // namespace weir
