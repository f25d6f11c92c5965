// SPDX-License-Identifier: Apache-2.0
// Who opened each connection, kept by both of its ends together, so that its two directions never disagree: whichever
// is seen first, at whichever interface, in whichever slot. Known while a flow of it has a slot; of those that have
// none any more, the last ones are remembered.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

#include "../bpf/flow.h"

namespace weir
{

// Conversations without a slot that are remembered: 3 MiB at most.
constexpr size_t remembered_conversations = 65536;

// One end of a connection.
struct End {
	uint8_t address[16];
	__be16 port;

	// Any order will do, and this one is a few instructions.
	bool operator<(const End &other) const
	{
		return std::memcmp(this, &other, sizeof(End)) < 0;
	}
	bool operator==(const End &other) const
	{
		return std::memcmp(this, &other, sizeof(End)) == 0;
	}
};
static_assert(std::has_unique_object_representations_v<End>);

inline End source_of(const flow_key &key)
{
	End end = {.address = {}, .port = key.src_port};
	std::memcpy(end.address, key.src, sizeof(end.address));
	return end;
}

inline End destination_of(const flow_key &key)
{
	End end = {.address = {}, .port = key.dst_port};
	std::memcpy(end.address, key.dst, sizeof(end.address));
	return end;
}

// What is known of who opened a connection, and by what. A handshake always wins; a guess gives way to anything.
enum client_end : uint8_t { CLIENT_UNKNOWN, CLIENT_IS_LOWER, CLIENT_IS_HIGHER };
enum evidence : uint8_t { NO_EVIDENCE, GUESSED_BY_PORTS, OBSERVED, HANDSHAKE };

struct Verdict {
	client_end client = CLIENT_UNKNOWN;
	weir::evidence evidence = NO_EVIDENCE;

	bool operator==(const Verdict &) const = default;
};

struct Conversation {
	End lower, higher; // in this order
	uint8_t transport;
	Verdict verdict = {};
	bool waits_to_be_forgotten = false;
	uint32_t slots = 0;
	uint32_t scratch = 0; // of one read

	bool operator==(const Conversation &other) const
	{
		return lower == other.lower && higher == other.higher && transport == other.transport;
	}
};
static_assert(sizeof(Conversation) == 48);

class Conversations
{
      public:
	struct Place {
		uint32_t number; // of the connection; never 0
		bool is_new;
	};

	// A flow's source is the lower end, or the higher.
	static bool source_is_lower(const flow_key &key)
	{
		return !(destination_of(key) < source_of(key));
	}

	// The connection that a flow belongs to.
	Place place_of(const flow_key &key)
	{
		Conversation wanted = {
		    .lower = source_of(key), .higher = destination_of(key), .transport = key.transport};
		if (wanted.higher < wanted.lower)
			std::swap(wanted.lower, wanted.higher);
		if ((used_ + 1) * 2 > table_.size())
			grow();
		uint32_t &entry = table_[find(wanted)];
		if (entry != 0)
			return {.number = entry, .is_new = false};
		if (free_.empty()) {
			conversations_.push_back(wanted);
			entry = static_cast<uint32_t>(conversations_.size());
		} else {
			entry = free_.back();
			free_.pop_back();
			conversations_[entry - 1] = wanted;
		}
		used_++;
		const uint32_t number = entry;
		wait_to_be_forgotten(number);
		return {.number = number, .is_new = true};
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

	static uint64_t hash(const Conversation &connection)
	{
		flow_key key = {};
		std::memcpy(key.src, connection.lower.address, sizeof(key.src));
		std::memcpy(key.dst, connection.higher.address, sizeof(key.dst));
		key.src_port = connection.lower.port;
		key.dst_port = connection.higher.port;
		key.transport = connection.transport;
		return flow_hash(key.words);
	}

	void wait_to_be_forgotten(uint32_t number)
	{
		if ((*this)[number].waits_to_be_forgotten)
			return;
		(*this)[number].waits_to_be_forgotten = true;
		waiting_.push_back(number);
	}

	// Open addressing with linear steps; an entry is a number, 0 is empty.
	size_t find(const Conversation &wanted) const
	{
		const size_t mask = table_.size() - 1;
		size_t index = hash(wanted) & mask;
		while (table_[index] != 0 && !(conversations_[table_[index] - 1] == wanted))
			index = (index + 1) & mask;
		return index;
	}

	// Entries behind the gap move up, as far as their own place allows (Knuth, volume 3, section 6.4, algorithm R).
	void remove(uint32_t number)
	{
		const size_t mask = table_.size() - 1;
		size_t gap = find((*this)[number]);
		for (size_t index = (gap + 1) & mask; table_[index] != 0; index = (index + 1) & mask) {
			const size_t own = hash((*this)[table_[index]]) & mask;
			if (((index - own) & mask) < ((index - gap) & mask))
				continue;
			table_[gap] = table_[index];
			gap = index;
		}
		table_[gap] = 0;
		free_.push_back(number);
		used_--;
	}

	void grow()
	{
		const std::vector<uint32_t> before = std::move(table_);
		table_.assign(before.size() * 2, 0);
		for (const uint32_t number : before)
			if (number != 0)
				table_[find((*this)[number])] = number;
	}

	std::vector<uint32_t> table_ = std::vector<uint32_t>(initial_table, 0);
	std::vector<Conversation> conversations_;
	std::vector<uint32_t> free_;
	std::deque<uint32_t> waiting_; // in this order; some of them may have slots again
	size_t used_ = 0;
};

} // namespace weir
