// SPDX-License-Identifier: Apache-2.0
// One tcx link an interface and direction. The links go with the process.
#pragma once

#include <map>
#include <utility>

#include "file_descriptor.h"
#include "hooks.h"

namespace weir
{

class TcxHooks final : public Hooks
{
      public:
	explicit TcxHooks(const BpfObject &object) : object_(object) {}
	// Asks the kernel, which looks for the interface only if it knows tcx.
	static bool available(const BpfObject &object);

	// Before all other programs of the interface, so that it sees each packet whatever they decide.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip) override;
	void detach(uint32_t ifindex, flow_direction direction) override;
	void detach_all() noexcept override;
	const char *kind() const override
	{
		return "tcx";
	}

      private:
	// Detached by name before it is closed: a child process that has not got to its exec yet still holds it open.
	class Link
	{
	      public:
		explicit Link(int descriptor) : descriptor_(descriptor) {}
		Link(Link &&) = default;
		~Link();

	      private:
		FileDescriptor descriptor_;
	};

	const BpfObject &object_;
	std::map<std::pair<uint32_t, flow_direction>, Link> links_;
};

} // namespace weir
