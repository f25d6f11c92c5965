// SPDX-License-Identifier: Apache-2.0
// Finds, among the flows of one collect, those that show what a connection shows; several may show the same. Open
// addressing with linear steps; the hash stands beside the index, so that most of what differs is told apart without a
// look at the flow.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../bpf/flow.h"
#include "identity.h"
#include "secret_hash.h"
#include "sights.h"

namespace weir
{

class WantedFlows
{
      public:
	WantedFlows(const NewFlows &flows, const std::vector<uint32_t> &asked)
	    : flows_(flows), table_(std::bit_ceil(2 * asked.size()))
	{
		for (const uint32_t index : asked) {
			const uint32_t hash = hash_of(tuple_of(*flows[index].key));
			size_t at = place(hash);
			while (table_[at].flow != none)
				at = next(at);
			table_[at] = {.hash = hash, .flow = index};
		}
	}
	template <typename Visit>
	void each(const flow_key &tuple, Visit visit) const
	{
		const uint32_t hash = hash_of(tuple);
		for (size_t at = place(hash); table_[at].flow != none; at = next(at))
			if (table_[at].hash == hash &&
			    same_key(tuple_of(*flows_[table_[at].flow].key).words, tuple.words))
				visit(table_[at].flow);
	}

      private:
	static constexpr uint32_t none = UINT32_MAX;
	struct Entry {
		uint32_t hash = 0;
		uint32_t flow = none;
	};

	static uint32_t hash_of(const flow_key &tuple)
	{
		const __u64 *words = tuple.words;
		return static_cast<uint32_t>(SecretHash::of(words[0], words[1], words[2], words[3], words[4]));
	}
	size_t place(uint32_t hash) const
	{
		return hash & (table_.size() - 1);
	}
	size_t next(size_t at) const
	{
		return (at + 1) & (table_.size() - 1);
	}

	const NewFlows &flows_;
	std::vector<Entry> table_;
};

} // namespace weir
