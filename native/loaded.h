// SPDX-License-Identifier: Apache-2.0
// Everything behind one kernel table, in the order in which it is made: pins, programs and maps, reader, devices,
// hooks.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device_table.h"
#include "flow_reader.h"
#include "hooks.h"
#include "loader.h"
#include "pins.h"
#include "progress.h"

namespace weir
{

// What is loaded; shared with work that is under way, so that closing never pulls it away.
struct Loaded {
	Loaded(const LoadOptions &options, uint32_t idle_windows, TrafficControl traffic_control,
	       const std::optional<PinOptions> &pin);
	// Returns what sees packets first.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip);
	void detach(uint32_t ifindex, flow_direction direction);

	std::unique_ptr<PinnedMaps> pins; // null: nothing outlives the process
	BpfObject object;
	std::unique_ptr<Progress> progress; // the same
	FlowReader reader;
	DeviceTable devices;
	std::mutex hooks_mutex;
	std::unique_ptr<Hooks> hooks;
	std::set<HookPlace> inherited; // where programs hung when the table was taken over
};

} // namespace weir
