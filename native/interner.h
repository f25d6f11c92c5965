// SPDX-License-Identifier: Apache-2.0
// Gives each address a number, in the order in which they are first seen.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "secret_hash.h"

namespace weir
{

using Address = std::array<uint8_t, 16>;

class Interner
{
      public:
	Interner()
	{
		clear();
	}

	uint32_t code(const uint8_t *address)
	{
		if (addresses_.size() * 2 >= table_.size())
			grow();
		uint32_t &entry = find(address);
		if (entry == 0) {
			Address copy;
			std::memcpy(copy.data(), address, copy.size());
			addresses_.push_back(copy);
			entry = static_cast<uint32_t>(addresses_.size());
		}
		return entry - 1;
	}

	const std::vector<Address> &addresses() const
	{
		return addresses_;
	}

	void clear()
	{
		addresses_.clear();
		table_.assign(initial_table, 0);
	}

      private:
	static constexpr size_t initial_table = 1024;

	// Open addressing with linear steps; an entry is the code plus one, 0 is empty.
	uint32_t &find(const uint8_t *address)
	{
		const size_t mask = table_.size() - 1;
		size_t index = hash(address) & mask;
		while (table_[index] != 0 && std::memcmp(addresses_[table_[index] - 1].data(), address, 16) != 0)
			index = (index + 1) & mask;
		return table_[index];
	}

	static uint64_t hash(const uint8_t *address)
	{
		uint64_t words[2];
		std::memcpy(words, address, sizeof(words));
		return SecretHash::of(words[0], words[1]);
	}

	void grow()
	{
		table_.assign(table_.size() * 2, 0);
		for (size_t i = 0; i < addresses_.size(); i++)
			find(addresses_[i].data()) = static_cast<uint32_t>(i + 1);
	}

	std::vector<uint32_t> table_;
	std::vector<Address> addresses_;
};

} // namespace weir
