// SPDX-License-Identifier: Apache-2.0
// Where programs hang: on each interface and direction (tcx, or clsact where the kernel has no tcx), or on one packet
// socket for all of them. One call at a time; attaching and detaching wait for the kernel's grace period, some 10 ms.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../bpf/flow.h"
#include "loader.h"

namespace weir
{

class PinFolder;

using HookPlace = std::pair<uint32_t, flow_direction>; // interface index

class Hooks
{
      public:
	virtual ~Hooks() = default;
	// Lets the program see the packets of an interface in one direction. Returns who sees them first, and so may
	// keep them from it. Throws Failure: ENODEV, EPERM, EEXIST when it is attached there already, EINVAL where the
	// kernel has no such hook.
	virtual std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
						bool frames_start_at_ip) = 0;
	// Nothing happens when it is not attached. Throws Failure when the kernel does not let go.
	virtual void detach(uint32_t ifindex, flow_direction direction) = 0;
	// Lets go of whatever it can.
	virtual void detach_all() noexcept = 0;
	// `tcx`, `tc` or `socket_filter`.
	virtual const char *kind() const = 0;
	// Of pinned hooks: where programs of a process before hang. From here on they are those of this object; nothing
	// is missed and nothing counted twice in between. What hangs on devices that are gone is removed.
	virtual std::set<HookPlace> take_over(const std::function<bool(uint32_t ifindex)> &frames_start_at_ip)
	{
		(void)frames_start_at_ip;
		return {};
	}
};

enum class TrafficControl { either, tcx, clsact };

// The hooks for the programs that were loaded. Of either, tcx is taken if the kernel lets a program hang there. With a
// folder of pins they stay when the process ends.
std::unique_ptr<Hooks> make_hooks(const BpfObject &object, const LoadOptions &loaded, TrafficControl choice,
				  const PinFolder *pins);

// Takes away what a process before has left there, of either kind. Throws Failure.
void discard_hooks(const PinFolder &pins);

inline const char *hook_name(flow_direction direction)
{
	return direction == FLOW_INGRESS ? "ingress" : "egress";
}

// The program for a direction of a device, by where its frames start.
inline const char *program_for(flow_direction direction, bool frames_start_at_ip)
{
	if (frames_start_at_ip)
		return direction == FLOW_INGRESS ? "network_ingress_l3" : "network_egress_l3";
	return direction == FLOW_INGRESS ? "network_ingress" : "network_egress";
}

} // namespace weir
