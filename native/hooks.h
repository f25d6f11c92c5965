// SPDX-License-Identifier: Apache-2.0
// Where programs hang: one tcx link an interface and direction. The links go with the process. Any call from any thread
// at any time; attaching and detaching wait for the kernel's grace period, some 10 ms.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "../bpf/flow.h"
#include "file_descriptor.h"

namespace weir
{

class Hooks
{
      public:
	// Puts the program before all others of the interface, so that it sees each packet whatever they decide.
	// Throws Failure: EINVAL where the kernel has no tcx (before 6.6), ENODEV, EPERM.
	void attach(int program_descriptor, uint32_t ifindex, const std::string &name, flow_direction direction);
	// Nothing happens when it is not attached.
	void detach(uint32_t ifindex, flow_direction direction);
	void detach_all();
	bool attached(uint32_t ifindex) const;

      private:
	// Detached by name before it is closed: a child process that has not got to its exec yet still holds it open.
	class Link
	{
	      public:
		explicit Link(int descriptor) : descriptor_(descriptor) {}
		Link(Link &&) = default;
		Link &operator=(Link &&) = default;
		~Link();

	      private:
		FileDescriptor descriptor_;
	};

	mutable std::mutex mutex_; // never held during a call into the kernel
	std::map<std::pair<uint32_t, flow_direction>, Link> links_;
};

} // namespace weir
