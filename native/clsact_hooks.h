// SPDX-License-Identifier: Apache-2.0
// One clsact filter an interface and direction, for kernels without tcx. Filters stay when the process is killed, so
// each can be told from those of others, and a later run takes away what an earlier one left, or with a folder of pins
// takes it over.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "file_descriptor.h"
#include "hooks.h"

namespace weir
{

struct ClassifierFilter;

class ClsactHooks final : public Hooks
{
      public:
	// `pins` is null where filters go with the process.
	ClsactHooks(const BpfObject &object, const PinFolder *pins);
	~ClsactHooks() override;
	// Of processes that are gone. Throws Failure.
	static void discard(const PinFolder &pins);

	// At preference 1, or the next one that no other filter has; those before it are returned.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip) override;
	// Takes clsact off the device, too, if it was put there for this and has no other filter.
	void detach(uint32_t ifindex, flow_direction direction) override;
	void detach_all() noexcept override;
	const char *kind() const override
	{
		return "tc";
	}
	std::set<HookPlace> take_over(const std::function<bool(uint32_t ifindex)> &frames_start_at_ip) override;

      private:
	bool is_own(const ClassifierFilter &filter, flow_direction direction) const;

	void show_signs_of_life();

	const BpfObject &object_;
	const PinFolder *pins_;
	uint32_t handle_;
	std::map<std::string, uint32_t> program_ids_;
	std::set<HookPlace> places_;
	// One a program.
	std::vector<FileDescriptor> signs_of_life_;
};

// Where a filter was taken away: `eth0 ingress`. Throws Failure.
std::vector<std::string> remove_left_filters();

} // namespace weir
