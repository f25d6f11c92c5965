// SPDX-License-Identifier: Apache-2.0
// One tcx link an interface and direction. The links go with the process, or stay in a folder of pins.
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
	// `pins` is null where links go with the process.
	TcxHooks(const BpfObject &object, const PinFolder *pins) : object_(object), pins_(pins) {}
	// Asks the kernel, which looks for the interface only if it knows tcx.
	static bool available(const BpfObject &object);
	// Detaches what is pinned there. Throws Failure.
	static void discard(const PinFolder &pins);

	// Before all other programs of the interface, so that it sees each packet whatever they decide.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip) override;
	void detach(uint32_t ifindex, flow_direction direction) override;
	void detach_all() noexcept override;
	const char *kind() const override
	{
		return "tcx";
	}
	std::set<HookPlace> take_over(const std::function<bool(uint32_t ifindex)> &frames_start_at_ip) override;

      private:
	// Detached by name before it is closed: a child process that has not got to its exec yet still holds it open.
	class Link
	{
	      public:
		Link(FileDescriptor descriptor, bool outlives) : descriptor_(std::move(descriptor)), outlives_(outlives)
		{
		}
		Link(Link &&) = default;
		~Link();
		void detach() const noexcept;

	      private:
		FileDescriptor descriptor_;
		bool outlives_; // is pinned: closing it must not detach it
	};

	const BpfObject &object_;
	const PinFolder *pins_;
	std::map<HookPlace, Link> links_;
};

} // namespace weir
