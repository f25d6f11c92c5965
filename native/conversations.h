// SPDX-License-Identifier: Apache-2.0
// Who opened each connection, kept by both of its ends together, so that its two directions never disagree: whichever
// is seen first, at whichever interface, in whichever slot. Known while a flow of it has a slot; of those that have
// none any more, the last ones are remembered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "../bpf/flow.h"
#include "conversation.h"
#include "huge_pages.h"
#include "secret_hash.h"

namespace weir
{

// Conversations without a slot that are remembered: 3 MiB at most.
constexpr size_t remembered_conversations = 65536;

class Conversations
{
      public:
	struct Place {
		uint32_t number; // of the connection; never 0
		bool is_new;
		bool source_is_lower; // of its ends
	};

	// There will be no more than this many new ones: room for them is made once.
	void reserve(size_t added)
	{
		// Room that nobody needs is not touched, so it costs no memory.
		const size_t needed = conversations_.size() + added - std::min(added, free_.size());
		if (needed > conversations_.capacity())
			conversations_.reserve(std::max(needed, 2 * conversations_.capacity()));
		size_t size = table_.size();
		while ((used_ + added) * 2 > size)
			size *= 2;
		if (size > table_.size())
			grow(size);
	}

	// Before a place is asked for: so many questions after another wait for memory together. Inline, since GCC
	// leaves out calls of a function that does nothing but this.
	__attribute__((always_inline)) void prefetch(const flow_key &key) const
	{
		__builtin_prefetch(&table_[hash(key) & (table_.size() - 1)]);
	}

	// The connection that a flow belongs to. There must be room for it.
	Place place_of(const flow_key &key)
	{
		const bool source_is_lower = !(destination_of(key) < source_of(key));
		Conversation wanted = {
		    .lower = source_of(key), .higher = destination_of(key), .transport = key.transport};
		if (!source_is_lower)
			std::swap(wanted.lower, wanted.higher);
		const uint32_t hash = Conversations::hash(key);
		Entry &entry = table_[find(hash, wanted)];
		if (entry.number != 0)
			return {.number = entry.number, .is_new = false, .source_is_lower = source_is_lower};
		entry = {.hash = hash, .number = take_number(wanted)};
		used_++;
		wait_to_be_forgotten(entry.number);
		return {.number = entry.number, .is_new = true, .source_is_lower = source_is_lower};
	}

	Conversation &operator[](uint32_t number)
	{
		return conversations_[number - 1];
	}

	void add_slot(uint32_t number)
	{
		(*this)[number].slots++;
	}

	// Number 0 is none.
	void remove_slot(uint32_t number)
	{
		if (number != 0 && --(*this)[number].slots == 0)
			wait_to_be_forgotten(number);
	}

	// The numbers of forgotten connections are given to others: only between reads.
	void forget_the_oldest()
	{
		while (waiting_.size() > remembered_conversations) {
			const uint32_t number = waiting_.front();
			waiting_.pop_front();
			(*this)[number].waits_to_be_forgotten = false;
			if ((*this)[number].slots == 0)
				remove(number);
		}
	}

      private:
	static constexpr size_t initial_table = 1024;

	// The hash stands beside the number, so that a look at the connection is for the right one, nearly always.
	struct Entry {
		uint32_t hash = 0;
		uint32_t number = 0; // 0 is empty
	};

	// Of both directions the same.
	static uint32_t hash(const flow_key &key)
	{
		const uint64_t end = hash_of_end(key.words, key.src_port),
			       other = hash_of_end(key.words + 2, key.dst_port);
		return static_cast<uint32_t>(SecretHash::of(end + other, (end ^ other) + key.transport));
	}

	static uint64_t hash_of_end(const __u64 *address, __be16 port)
	{
		return SecretHash::of(address[0], address[1], port);
	}

	uint32_t take_number(const Conversation &wanted)
	{
		if (free_.empty()) {
			conversations_.push_back(wanted);
			return static_cast<uint32_t>(conversations_.size());
		}
		const uint32_t number = free_.back();
		free_.pop_back();
		(*this)[number] = wanted;
		return number;
	}

	void wait_to_be_forgotten(uint32_t number)
	{
		if ((*this)[number].waits_to_be_forgotten)
			return;
		(*this)[number].waits_to_be_forgotten = true;
		waiting_.push_back(number);
	}

	// Open addressing with linear steps.
	size_t find(uint32_t hash, const Conversation &wanted) const
	{
		const size_t mask = table_.size() - 1;
		size_t index = hash & mask;
		while (table_[index].number != 0 &&
		       !(table_[index].hash == hash && conversations_[table_[index].number - 1] == wanted))
			index = (index + 1) & mask;
		return index;
	}

	// Entries behind the gap move up, as far as their own place allows (Knuth, volume 3, section 6.4, algorithm R).
	void remove(uint32_t number)
	{
		const size_t mask = table_.size() - 1;
		const Conversation &conversation = (*this)[number];
		size_t gap = find(hash(key_of(conversation)), conversation);
		for (size_t index = (gap + 1) & mask; table_[index].number != 0; index = (index + 1) & mask) {
			const size_t own = table_[index].hash & mask;
			if (((index - own) & mask) < ((index - gap) & mask))
				continue;
			table_[gap] = table_[index];
			gap = index;
		}
		table_[gap] = {};
		free_.push_back(number);
		used_--;
	}

	static flow_key key_of(const Conversation &conversation)
	{
		flow_key key = {};
		std::memcpy(key.src, conversation.lower.address, sizeof(key.src));
		std::memcpy(key.dst, conversation.higher.address, sizeof(key.dst));
		key.src_port = conversation.lower.port;
		key.dst_port = conversation.higher.port;
		key.transport = conversation.transport;
		return key;
	}

	void grow(size_t size)
	{
		for (const Entry &entry : std::exchange(table_, HugeVector<Entry>(size))) {
			if (entry.number == 0)
				continue;
			size_t index = entry.hash & (size - 1);
			while (table_[index].number != 0)
				index = (index + 1) & (size - 1);
			table_[index] = entry;
		}
	}

	HugeVector<Entry> table_ = HugeVector<Entry>(initial_table);
	HugeVector<Conversation> conversations_;
	std::vector<uint32_t> free_;
	std::deque<uint32_t> waiting_; // in this order; some of them may have slots again
	size_t used_ = 0;
};

} // namespace weir
