// SPDX-License-Identifier: Apache-2.0
// Asks the kernel's connection tracking over ctnetlink: one connection by what its packets show, or many by a filter.
// Speaks of the network namespace in which it was made, whatever thread asks. The kernel answers within the call, so
// nothing here waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <sys/socket.h>

#include "../bpf/flow.h"
#include "file_descriptor.h"

namespace weir
{

// As conntrack keeps it, without direction and interface: what a packet shows before it is translated.
struct Connection {
	flow_key original; // from the client
	flow_key reply;	   // from who answered
	uint32_t status;   // IPS_*
};

enum class Answer : uint8_t { failed, missing, found };

// Connections with these properties. Old kernels give more than was asked for.
struct ConnectionFilter {
	uint8_t family = AF_UNSPEC;
	uint8_t protocol = 0; // 0: any; wants a family
	uint32_t status = 0;
	uint32_t status_mask = 0; // 0: any status
};

class Conntrack
{
      public:
	// Failing to open says the first call.
	Conntrack();

	// Connections that this namespace has. Throws Failure, as do all of these.
	uint32_t entries();

	// By their original or reply tuple, of protocols other than ICMP. An answer for each.
	std::vector<Answer> look_up(const std::vector<flow_key> &tuples,
				    const std::function<void(size_t, const Connection &)> &found);

	// Returns whether the list is whole: not when the table changed its size, or the kernel ran out of memory.
	bool dump(const ConnectionFilter &filter, const std::function<void(const Connection &)> &visit);

      private:
	void send(const std::vector<char> &request);
	uint32_t next_sequence(size_t count);
	void take_answers(uint32_t first_sequence, std::vector<Answer> &answers, size_t wanted,
			  const std::function<void(size_t, const Connection &)> &found);

	FileDescriptor socket_;
	int open_error_ = 0;
	uint32_t sequence_ = 0;
	std::vector<char> buffer_;
};

} // namespace weir
