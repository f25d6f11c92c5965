// SPDX-License-Identifier: Apache-2.0
// One packet socket for all interfaces of a network namespace, with a program that lets nothing into its queue. Which
// interfaces count is in the table of devices; the socket goes with the process.
#pragma once

#include <set>
#include <utility>

#include "file_descriptor.h"
#include "hooks.h"

namespace weir
{

class SocketHooks final : public Hooks
{
      public:
	explicit SocketHooks(const BpfObject &object) : object_(object) {}

	// The first call opens the socket, in the calling thread's network namespace.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip) override;
	// The last call closes the socket.
	void detach(uint32_t ifindex, flow_direction direction) override;
	void detach_all() noexcept override;
	const char *kind() const override
	{
		return "socket_filter";
	}

      private:
	const BpfObject &object_;
	std::set<std::pair<uint32_t, flow_direction>> places_;
	FileDescriptor socket_;
};

} // namespace weir
