// SPDX-License-Identifier: Apache-2.0
// What one table has loaded: its programs, maps and hooks, and the programs once more for each other network namespace.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "device_places.h"
#include "device_table.h"
#include "flow_reader.h"
#include "hooks.h"
#include "kept_connections.h"
#include "loader.h"
#include "network_namespace.h"
#include "pins.h"
#include "progress.h"

namespace weir
{

// Shared with work that is under way, so that closing never pulls it away.
class Loaded
{
      public:
	Loaded(const LoadOptions &options, const ReadOptions &read, std::string namespace_object,
	       TrafficControl traffic_control, NodeSockets sockets, std::shared_ptr<Conntrack> conntrack,
	       const std::optional<PinOptions> &pin);
	// `ifindex` with the base of the namespace, here and below. Returns what sees packets first.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip, const std::optional<NetworkNamespace> &place);
	void detach(uint32_t ifindex, flow_direction direction);
	// Lets go of whatever it can.
	void detach_all() noexcept;

	std::unique_ptr<PinnedMaps> pins; // null: nothing outlives the process
	BpfObject object;
	std::unique_ptr<Progress> progress;		   // the same
	std::unique_ptr<KeptConnections> kept_connections; // the same; of the JavaScript thread
	const std::shared_ptr<DevicePlaces> places = std::make_shared<DevicePlaces>();
	FlowReader reader;
	DeviceTable devices;
	std::unique_ptr<Hooks> hooks;
	std::set<HookPlace> inherited; // where programs hung when the table was taken over

      private:
	// Of another namespace, as long as a program hangs there.
	struct Space {
		NetworkNamespace place;
		BpfObject object;
		std::unique_ptr<Hooks> hooks;
		std::set<std::pair<uint32_t, flow_direction>> hanging = {};
	};
	std::vector<std::string> hang(uint32_t ifindex, const std::string &name, flow_direction direction,
				      bool frames_start_at_ip, const std::optional<NetworkNamespace> &place);
	Space &space_of(const NetworkNamespace &place);
	// True when the device is of a named namespace.
	bool take_away(uint32_t ifindex, flow_direction direction);

	const LoadOptions options_;
	const std::string namespace_object_;
	const TrafficControl traffic_control_;
	std::mutex hooks_mutex_;
	std::map<uint32_t, Space> spaces_; // by base
};

} // namespace weir
