// SPDX-License-Identifier: Apache-2.0
// The TCP connections that this process opened itself, as JavaScript knew them at one moment; what began later is not
// decided yet.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <time.h>

#include "conversations.h"

namespace weir
{

// As it crosses from JavaScript; times are CLOCK_MONOTONIC.
struct OwnConnection {
	uint8_t local[16], remote[16];
	__be16 local_port, remote_port;
	uint32_t padding;
	uint64_t opened_ns, closed_ns; // closed_ns: still_open before it
};
static_assert(sizeof(OwnConnection) == 56);
constexpr uint64_t still_open = UINT64_MAX;

inline uint64_t monotonic_ns()
{
	timespec now;
	::clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class OwnConnections
{
      public:
	// What it answers late belongs to a connection that is closed already.
	static constexpr uint64_t late_answer_ns = 60'000'000'000;

	explicit OwnConnections(const std::vector<OwnConnection> &records) : taken_ns_(monotonic_ns())
	{
		for (const OwnConnection &record : records) {
			flow_key key = {};
			std::memcpy(key.src, record.local, sizeof(key.src));
			std::memcpy(key.dst, record.remote, sizeof(key.dst));
			key.src_port = record.local_port;
			key.dst_port = record.remote_port;
			lives_.emplace(ends_of(key), Life{record.opened_ns, record.closed_ns});
		}
	}

	// A flow with a first packet after this moment may be of a connection that came after.
	bool may_miss(uint64_t first_ns) const
	{
		return first_ns > taken_ns_;
	}

	// Its signals tell a flow that begins with a handshake, which must be within the life of the connection:
	// another process may have had the same ports before or after. Any other flow goes by its ends alone.
	bool contain(const flow_key &key, const std::optional<flow_cold> &cold) const
	{
		if (lives_.empty())
			return false;
		const auto [first, last] = lives_.equal_range(ends_of(key));
		for (auto one = first; one != last; ++one)
			if (!cold || one->second.has(*cold))
				return true;
		return false;
	}

      private:
	struct Life {
		uint64_t opened_ns, closed_ns;

		bool has(const flow_cold &cold) const
		{
			if (cold.signals & SIGNAL_SYN_SENT)
				return cold.first_ns >= opened_ns && cold.first_ns <= closed_ns;
			if (cold.signals & SIGNAL_SYN_ACK_SENT)
				return cold.first_ns >= opened_ns &&
				       (cold.first_ns <= closed_ns || cold.first_ns - closed_ns <= late_answer_ns);
			return true;
		}
	};
	using Ends = std::pair<End, End>;

	static Ends ends_of(const flow_key &key)
	{
		const End source = source_of(key), destination = destination_of(key);
		return source < destination ? Ends(source, destination) : Ends(destination, source);
	}

	uint64_t taken_ns_;
	std::multimap<Ends, Life> lives_;
};

} // namespace weir
