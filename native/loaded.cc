// SPDX-License-Identifier: Apache-2.0
// Which programs hang where: those of this process's network namespace, and a load of them for each other one.
#include "loaded.h"

#include <exception>

#include "clsact_hooks.h"

namespace weir
{

// The folder of pins first, since it is what another process may have.
Loaded::Loaded(const LoadOptions &options, const ReadOptions &read, std::string namespace_object,
	       TrafficControl traffic_control, NodeSockets sockets, std::shared_ptr<Conntrack> conntrack,
	       const std::optional<PinOptions> &pin)
    : pins(pin ? std::make_unique<PinnedMaps>(*pin) : nullptr), object(options, nullptr, pins.get()),
      progress(pins ? std::make_unique<Progress>(*pins, options.max_slots, options.follow_into_tunnels) : nullptr),
      kept_connections(pins ? std::make_unique<KeptConnections>(*pins) : nullptr),
      reader(object, options.max_slots, options.initial_slots - 1, read, std::move(sockets), std::move(conntrack),
	     places, progress.get()),
      devices(object.map_descriptor("devices"), object.map_descriptor("ledger"), progress.get()),
      hooks(make_hooks(object, options, traffic_control, pins ? &pins->folder() : nullptr)), options_(options),
      namespace_object_(std::move(namespace_object)), traffic_control_(traffic_control)
{
	if (!pins)
		return;
	if (pins->taken_over()) {
		inherited = hooks->take_over([&](uint32_t ifindex) { return devices.frames_start_at_ip(ifindex); });
		devices.take_over(inherited);
	}
	pins->seal();
}

std::vector<std::string> Loaded::attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip, const std::optional<NetworkNamespace> &place)
{
	const std::lock_guard<std::mutex> guard(hooks_mutex_);
	const bool added = devices.add(ifindex, direction, frames_start_at_ip);
	places->set(iface_of(ifindex), place);
	if (pins)
		pins->remember_name(ifindex, name);
	try {
		return hang(ifindex, name, direction, frames_start_at_ip, place);
	} catch (...) {
		if (added)
			devices.remove(ifindex, direction);
		throw;
	}
}

std::vector<std::string> Loaded::hang(uint32_t ifindex, const std::string &name, flow_direction direction,
				      bool frames_start_at_ip, const std::optional<NetworkNamespace> &place)
{
	if (!place)
		return hooks->attach(ifindex, name, direction, frames_start_at_ip);
	Space &space = space_of(*place);
	try {
		auto before = in_namespace(place, [&] {
			return space.hooks->attach(ifindex - place->base, name, direction, frames_start_at_ip);
		});
		space.hanging.emplace(ifindex, direction);
		return before;
	} catch (...) {
		if (space.hanging.empty())
			spaces_.erase(place->base);
		throw;
	}
}

// With the first device of a namespace: most have none that counts.
Loaded::Space &Loaded::space_of(const NetworkNamespace &place)
{
	const auto known = spaces_.find(place.base);
	if (known != spaces_.end())
		return known->second;
	LoadOptions own = options_;
	own.object_path = namespace_object_;
	own.index_base = place.base;
	const auto added =
	    spaces_.emplace(place.base, Space{.place = place, .object = BpfObject(own, &object), .hooks = {}});
	Space &space = added.first->second;
	try {
		// Which hooks there are is asked there as well.
		space.hooks = in_namespace(place, [&] {
			remove_left_filters();
			return make_hooks(space.object, own, traffic_control_, nullptr);
		});
	} catch (...) {
		spaces_.erase(added.first);
		throw;
	}
	return space;
}

void Loaded::detach(uint32_t ifindex, flow_direction direction)
{
	const std::lock_guard<std::mutex> guard(hooks_mutex_);
	if (!take_away(ifindex, direction))
		hooks->detach(ifindex, direction);
	devices.remove(ifindex, direction);
}

bool Loaded::take_away(uint32_t ifindex, flow_direction direction)
{
	for (auto &[base, space] : spaces_) {
		if (!space.hanging.contains({ifindex, direction}))
			continue;
		try {
			in_namespace(space.place, [&] {
				space.hooks->detach(ifindex - space.place.base, direction);
				return true;
			});
		} catch (const Failure &failure) {
			// With the namespace went its devices, and with them what hung there.
			if (failure.error_number != ESTALE)
				throw;
		}
		space.hanging.erase({ifindex, direction});
		if (space.hanging.empty())
			spaces_.erase(base);
		return true;
	}
	return false;
}

void Loaded::detach_all() noexcept
{
	const std::lock_guard<std::mutex> guard(hooks_mutex_);
	for (auto &[base, space] : spaces_) {
		try {
			in_namespace(space.place, [&hooks = space.hooks] {
				hooks->detach_all();
				return true;
			});
		} catch (const std::exception &) {
			// It is gone, or closing lets go.
		}
	}
	spaces_.clear();
	hooks->detach_all();
}

} // namespace weir
