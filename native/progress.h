// SPDX-License-Identifier: Apache-2.0
// What a later process must know to go on where this one was killed: how much of every counter is committed. It lies in
// pinned maps that only user space writes. The figures of a window are put beside the committed ones; one store then
// commits all of them, so that a kill at any moment leaves a window committed as a whole or not at all.
//
// One call at a time.
#pragma once

#include <cstdint>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "forwarded.h"

namespace weir
{

class PinnedMaps;

// `next` counts when its window is committed. A process that finds the window of one that was killed before it
// committed drops it.
template <typename Value>
struct Staged {
	Value value;
	Value next;
	uint64_t window; // 0: none
};

struct ProgressHead {
	uint64_t committed;	     // the last committed window
	uint64_t window_end_ns[2];   // by the last bit of the window
	uint64_t overflow_window[2]; // the window that has what is in this overflow map; 0: none
	uint64_t debts[2];	     // how many a window left, by its last bit
};

// What went into tunnels is put down in the overflow map, so a window has no more new ones.
constexpr size_t most_kept_debts = OVERFLOW_FLOWS;

class Progress
{
      public:
	Progress(const PinnedMaps &maps, uint32_t max_slots, bool keeps_debts);

	// As many as the table uses. Only with this, what a killed process had not committed is dropped.
	void map_slots(size_t count);
	const flow_amount &slot(uint32_t index) const
	{
		return slots_[index].value;
	}
	void stage_slot(uint32_t index, const flow_amount &total);
	void unstage_slot(uint32_t index);
	// The slot is being given back.
	void forget_slot(uint32_t index);

	// By the key of the ledger map.
	ledger_row ledger(uint32_t key) const;
	// Replaces what was staged of it before.
	void stage_ledger(uint32_t key, const ledger_row &row);

	void stage_overflow(uint32_t generation);
	bool overflow_is_committed(uint32_t generation) const;
	void forget_overflow(uint32_t generation);

	// With what the window leaves to be taken off later rows; nothing where none are kept.
	void commit(uint64_t window_end_ns, const std::vector<KeptDebt> &debts);
	// Of the last committed window.
	std::vector<KeptDebt> debts() const;
	// Of the last committed window, Unix time; before the first, when the tables were made.
	uint64_t window_end_ns() const
	{
		return head_->window_end_ns[head_->committed & 1];
	}

      private:
	template <typename Value>
	void stage(Staged<Value> &entry, const Value &next) const;
	template <typename Value>
	void settle(Staged<Value> &entry) const;

	MapView<ProgressHead> head_;
	int slots_descriptor_;
	MapView<Staged<flow_amount>> slots_;
	MapView<Staged<ledger_row>> ledger_;
	MapView<KeptDebt> debts_; // of two windows; none where none are kept
};

} // namespace weir
