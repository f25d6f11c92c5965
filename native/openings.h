// SPDX-License-Identifier: Apache-2.0
// How the flow of a slot began, and who opened its TCP connection, as its packets told. That is in the cold array,
// which is mapped only while it is asked, since a mapping counts whole in resident memory.
#pragma once

#include <cstdint>
#include <optional>

#include "../bpf/flow.h"
#include "file_descriptor.h"

namespace weir
{

// The initiator column of a row.
enum initiator : uint8_t { INITIATOR_UNKNOWN, INITIATOR_SOURCE, INITIATOR_DESTINATION };

class Openings
{
      public:
	// first_mask: of the table before it grew.
	Openings(int cold_descriptor, uint32_t first_mask) : cold_descriptor_(cold_descriptor), first_mask_(first_mask)
	{
	}

	// Of a slot that was not asked about before. A flow gets a second slot when the table grows, and when a slot
	// before its own becomes free: what is known then moves to the new one, and the old one is as idle as any.
	initiator initiator_of(const MapView<flow_slot> &slots, uint32_t index)
	{
		uint32_t &signals = signals_of(slots, index);
		uint32_t opening = load(signals) & opening_signals;
		if (opening == 0) {
			opening = take_from_others(slots, index);
			__atomic_fetch_or(&signals, opening, __ATOMIC_RELAXED);
		}
		if (opening & SIGNAL_SYN_SENT)
			return INITIATOR_SOURCE;
		return opening & SIGNAL_SYN_ACK_SENT ? INITIATOR_DESTINATION : INITIATOR_UNKNOWN;
	}

	flow_cold cold_of(const MapView<flow_slot> &slots, uint32_t index)
	{
		flow_cold &cold = cold_at(slots, index);
		return {.first_ns = cold.first_ns, .ifindex = cold.ifindex, .signals = load(cold.signals)};
	}

	// Before cold_of() is asked for it. Inline for the reason that Conversations::prefetch() is.
	__attribute__((always_inline)) void prefetch(uint32_t index) const
	{
		if (cold_)
			__builtin_prefetch(&(*cold_)[index]);
	}

	// Its opening was seen, and no FIN or RST.
	bool is_open(const MapView<flow_slot> &slots, uint32_t index)
	{
		const uint32_t signals = load(signals_of(slots, index));
		return (signals & opening_signals) != 0 && (signals & (TCP_FLAG_FIN | TCP_FLAG_RST)) == 0;
	}

	void unmap()
	{
		cold_.reset();
	}

      private:
	static constexpr uint32_t opening_signals = SIGNAL_SYN_SENT | SIGNAL_SYN_ACK_SENT;

	static uint32_t load(const uint32_t &signals)
	{
		return __atomic_load_n(&signals, __ATOMIC_RELAXED);
	}

	flow_cold &cold_at(const MapView<flow_slot> &slots, uint32_t index)
	{
		if (!cold_)
			cold_.emplace(cold_descriptor_, slots.size(), "flow_cold");
		return (*cold_)[index];
	}

	uint32_t &signals_of(const MapView<flow_slot> &slots, uint32_t index)
	{
		return cold_at(slots, index).signals;
	}

	uint32_t take_from_others(const MapView<flow_slot> &slots, uint32_t index)
	{
		const flow_key &key = slots[index].key;
		const uint64_t hash = flow_hash(key.words);
		for (auto mask = static_cast<uint32_t>(slots.size() - 1);; mask >>= 1) {
			for (uint32_t probe = 0; probe < 2 * PROBE_WINDOW; probe++) {
				const uint32_t other = flow_place(hash, probe) & mask;
				uint32_t &signals = signals_of(slots, other);
				// The cheap question first; a slot that was freed still has its signals.
				if ((load(signals) & opening_signals) != 0 && holds(slots[other], key))
					return __atomic_fetch_and(&signals, ~opening_signals, __ATOMIC_RELAXED) &
					       opening_signals;
			}
			if (mask <= first_mask_)
				return 0;
		}
	}

	static bool holds(const flow_slot &slot, const flow_key &key)
	{
		const uint32_t state = __atomic_load_n(&slot.state, __ATOMIC_ACQUIRE);
		return (state == SLOT_READY || state == SLOT_DEAD) && same_key(slot.key.words, key.words);
	}

	int cold_descriptor_;
	uint32_t first_mask_;
	std::optional<MapView<flow_cold>> cold_;
};

} // namespace weir
