// SPDX-License-Identifier: Apache-2.0
// The other half of FlowReader: what was handed out is forgotten, slots that have been idle are given back, and a table
// is taken over as another process left it.
#include "flow_reader.h"

#include <utility>

#include "grace_period.h"

namespace weir
{

namespace
{

// An idle TCP connection whose opening was seen keeps its slot this many times longer, since with the slot goes the
// knowledge of who opened it; FIN, RST or a table more than half full end that.
constexpr uint32_t open_connection_factor = 120;

} // namespace

// Goes on where another process was killed. Its slots that were being given back are given back here.
void FlowReader::take_over()
{
	for (uint32_t index = 0; index < slots_.size(); index++) {
		if (__atomic_load_n(&slots_[index].state, __ATOMIC_ACQUIRE) == SLOT_EMPTIED) {
			give_back(index);
			continue;
		}
		known_[index].bytes = progress_->slot(index).bytes;
		known_[index].packets = progress_->slot(index).packets;
	}
	forwarded_.take_over(progress_->debts());
	overflow_committed_ = progress_->overflow_is_committed(Overflow::unused(*control_.operator->()));
}

size_t FlowReader::commit(uint64_t window_end_ns)
{
	if (progress_)
		progress_->commit(window_end_ns, forwarded_.left(most_kept_debts));
	for (const Pending &row : pending_) {
		known_[row.index].bytes = row.bytes;
		known_[row.index].packets = row.packets;
	}
	pending_.clear();
	forwarded_.commit();
	overflow_committed_ |= std::exchange(overflow_written_, false);
	empty_overflow();

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
	// What is not decided is a flow of a process before, and nobody has asked yet.
	const Identity &identity = known_[index].identity;
	const bool known_to_be_no_connection = identity.decided && identity.initiator == INITIATOR_UNKNOWN;
	if (known_to_be_no_connection || crowded() || idle_epochs > uint64_t{idle_windows_} * open_connection_factor)
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
	if (load_counter(slot.bytes) != known_[index].bytes || load_counter(slot.packets) != known_[index].packets)
		return false;
	identifier_.roles().release(known_[index].identity);
	if (known_[index].identity.translated)
		translations_.erase(index);
	__atomic_store_n(&slot.state, SLOT_EMPTIED, __ATOMIC_RELEASE);
	give_back(index);
	return true;
}

void FlowReader::give_back(uint32_t index)
{
	flow_slot &slot = slots_[index];
	known_[index] = {};
	if (progress_)
		progress_->forget_slot(index);
	__atomic_store_n(&slot.bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot.packets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot.state, SLOT_FREE, __ATOMIC_RELEASE);
	// Last: a kill in between leaves the number too large by one, which costs nothing; never too small.
	__atomic_sub_fetch(&control_->used, 1, __ATOMIC_RELAXED);
}

// All of it, or nothing where there is no room: then it stays for the next collect.
std::vector<OverflowFlow> FlowReader::read_overflow(const Columns &columns, Window &window)
{
	std::vector<OverflowFlow> flows = overflow_.read(*control_.operator->());
	if (flows.size() > columns.capacity) {
		window.complete = false;
		flows.clear();
	}
	overflow_written_ = !flows.empty();
	if (progress_ && overflow_written_)
		progress_->stage_overflow(Overflow::unused(*control_.operator->()));
	forwarded_.take(flows);
	forwarded_.begin(window, identifier_.tunnels(), identifier_.true_ends());
	return flows;
}

// They stand behind those of slots, in their order.
void FlowReader::take_overflow(const std::optional<OwnConnections> &own, const std::vector<OverflowFlow> &flows)
{
	for (const OverflowFlow &flow : flows) {
		NewFlow &added = new_flows_.emplace_back(NewFlow{.key = &flow.key, .slot = no_slot});
		// Without a slot there is no time of a first packet, so it is never too early to tell.
		identifier_.meet(slots_, own, added);
	}
}

// Flows that are committed and still in the map would be read again.
void FlowReader::empty_overflow()
{
	if (!overflow_committed_)
		return;
	const uint32_t generation = Overflow::unused(*control_.operator->());
	overflow_.empty(generation, *control_.operator->());
	if (progress_)
		progress_->forget_overflow(generation);
	overflow_committed_ = false;
}

} // namespace weir
