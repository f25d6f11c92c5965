// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <algorithm>

#include <time.h>

#include "ordered_store.h"
#include "pins.h"

namespace weir
{

namespace
{

uint64_t unix_time_ns()
{
	timespec now;
	::clock_gettime(CLOCK_REALTIME, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

} // namespace

Progress::Progress(const PinnedMaps &maps, uint32_t max_slots, bool keeps_debts)
    : head_(maps.own("progress_head", sizeof(ProgressHead), 1), 1, "progress_head"),
      slots_descriptor_(maps.own("progress_slots", sizeof(Staged<flow_amount>), max_slots)),
      ledger_(maps.own("progress_ledger", sizeof(Staged<ledger_row>), LEDGER_INTERFACES * 2), LEDGER_INTERFACES * 2,
	      "progress_ledger")
{
	// Where the first window begins: a process that takes over before any was committed has it from there on.
	if (head_->committed == 0 && head_->window_end_ns[0] == 0)
		store_in_order(head_->window_end_ns[0], unix_time_ns());
	for (uint32_t key = 0; key < ledger_.size(); key++)
		settle(ledger_[key]);
	if (keeps_debts)
		debts_ = MapView<KeptDebt>(maps.own("tunnel_debts", sizeof(KeptDebt), 2 * most_kept_debts),
					   2 * most_kept_debts, "tunnel_debts");
	for (uint64_t &window : head_->overflow_window) {
		if (window > head_->committed)
			store_in_order(window, 0);
	}
}

void Progress::map_slots(size_t count)
{
	const size_t before = slots_.size();
	slots_ = MapView<Staged<flow_amount>>(slots_descriptor_, count, "progress_slots");
	for (size_t index = before; index < count; index++)
		settle(slots_[index]);
}

// Kills may come between any two stores: what an entry stands for is the same before and after each of them.
template <typename Value>
void Progress::settle(Staged<Value> &entry) const
{
	if (entry.window == 0)
		return;
	if (entry.window <= head_->committed) {
		entry.value = entry.next;
		keep_order();
	}
	store_in_order(entry.window, 0);
}

template <typename Value>
void Progress::stage(Staged<Value> &entry, const Value &next) const
{
	settle(entry);
	entry.next = next;
	// Last: until here there is no window that could be committed.
	store_in_order(entry.window, head_->committed + 1);
}

void Progress::stage_slot(uint32_t index, const flow_amount &total)
{
	stage(slots_[index], total);
}

void Progress::unstage_slot(uint32_t index)
{
	settle(slots_[index]);
}

void Progress::forget_slot(uint32_t index)
{
	store_in_order(slots_[index].window, 0);
	slots_[index].value = {};
}

ledger_row Progress::ledger(uint32_t key) const
{
	const Staged<ledger_row> &entry = ledger_[key];
	return entry.window != 0 && entry.window <= head_->committed ? entry.next : entry.value;
}

void Progress::stage_ledger(uint32_t key, const ledger_row &row)
{
	stage(ledger_[key], row);
}

void Progress::stage_overflow(uint32_t generation)
{
	store_in_order(head_->overflow_window[generation], head_->committed + 1);
}

bool Progress::overflow_is_committed(uint32_t generation) const
{
	const uint64_t window = head_->overflow_window[generation];
	return window != 0 && window <= head_->committed;
}

void Progress::forget_overflow(uint32_t generation)
{
	store_in_order(head_->overflow_window[generation], 0);
}

std::vector<KeptDebt> Progress::debts() const
{
	if (debts_.size() == 0)
		return {};
	const KeptDebt *first = &debts_[(head_->committed & 1) * most_kept_debts];
	return {first, first + head_->debts[head_->committed & 1]};
}

void Progress::commit(uint64_t window_end_ns, const std::vector<KeptDebt> &debts)
{
	const uint64_t window = head_->committed + 1;
	if (debts_.size() > 0)
		std::copy(debts.begin(), debts.end(), &debts_[(window & 1) * most_kept_debts]);
	store_in_order(head_->debts[window & 1], debts.size());
	store_in_order(head_->window_end_ns[window & 1], window_end_ns);
	store_in_order(head_->committed, window);
}

} // namespace weir
