// SPDX-License-Identifier: Apache-2.0
// One connection: its two ends, and what is known of who opened it.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../bpf/flow.h"

namespace weir
{

// One end of a connection.
struct End {
	uint8_t address[16];
	__be16 port;

	// Any order will do, and this one is a few instructions.
	bool operator<(const End &other) const
	{
		uint64_t words[2], others[2];
		std::memcpy(words, address, sizeof(words));
		std::memcpy(others, other.address, sizeof(others));
		if (words[1] != others[1])
			return words[1] < others[1];
		return words[0] != others[0] ? words[0] < others[0] : port < other.port;
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
	uint32_t last_flow = 0; // of one read, as its undecided flows are chained; else 0

	bool operator==(const Conversation &other) const
	{
		return lower == other.lower && higher == other.higher && transport == other.transport;
	}
};
static_assert(sizeof(Conversation) == 48);

} // namespace weir
