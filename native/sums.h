// SPDX-License-Identifier: Apache-2.0
// Sums of what was read by interface, direction and what became of it. Each row adds to one, so finding it costs a
// multiplication and a look into a table that stays in the first-level cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "../bpf/flow.h"
#include "identity.h"

namespace weir
{

// Where a sum belongs.
struct Place {
	uint16_t iface;
	uint8_t direction;
	weir::disposition disposition;
};

class Sums
{
      public:
	struct Sum {
		Place place;
		flow_amount amount;
	};

	// The place by its parts: put together in memory they would have to be there before they can be read as one.
	void add(uint16_t iface, uint8_t direction, disposition disposition, const flow_amount &amount)
	{
		if (amount.packets == 0)
			return;
		const uint32_t key = uint32_t{disposition} << 24 | uint32_t{direction} << 16 | uint32_t{iface};
		Entry *entry = &table_[find(key)];
		if (entry->position == 0)
			entry = append(key, {.iface = iface, .direction = direction, .disposition = disposition});
		flow_amount &sum = sums_[entry->position - 1].amount;
		sum.bytes += amount.bytes;
		sum.packets += amount.packets;
	}

	// In the order in which they came up.
	std::vector<Sum>::const_iterator begin() const
	{
		return sums_.begin();
	}
	std::vector<Sum>::const_iterator end() const
	{
		return sums_.end();
	}

      private:
	static constexpr unsigned initial_bits = 6;
	struct Entry {
		uint32_t key = 0;
		uint32_t position = 0; // in sums_, plus one; 0 is empty
	};

	__attribute__((noinline)) Entry *append(uint32_t key, const Place &place)
	{
		if ((sums_.size() + 1) * 2 > table_.size())
			grow();
		sums_.push_back({.place = place, .amount = {}});
		Entry *entry = &table_[find(key)];
		*entry = {.key = key, .position = static_cast<uint32_t>(sums_.size())};
		return entry;
	}

	// Open addressing with linear steps, by Fibonacci hashing (Knuth, volume 3, section 6.4).
	size_t find(uint32_t key) const
	{
		const size_t mask = table_.size() - 1;
		size_t at = key * 0x9e3779b1u >> (32 - bits_);
		while (table_[at].position != 0 && table_[at].key != key)
			at = (at + 1) & mask;
		return at;
	}

	void grow()
	{
		bits_++;
		for (const Entry &entry : std::exchange(table_, std::vector<Entry>(size_t{1} << bits_)))
			if (entry.position != 0)
				table_[find(entry.key)] = entry;
	}

	unsigned bits_ = initial_bits;
	std::vector<Entry> table_ = std::vector<Entry>(size_t{1} << initial_bits);
	std::vector<Sum> sums_;
};

} // namespace weir
