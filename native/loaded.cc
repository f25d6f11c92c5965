// SPDX-License-Identifier: Apache-2.0
#include "loaded.h"

namespace weir
{

// The folder first, since it is what another process may have.
Loaded::Loaded(const LoadOptions &options, uint32_t idle_windows, TrafficControl traffic_control,
	       const std::optional<PinOptions> &pin)
    : pins(pin ? std::make_unique<PinnedMaps>(*pin) : nullptr), object(options, pins.get()),
      progress(pins ? std::make_unique<Progress>(*pins, options.max_slots) : nullptr),
      reader(object, options.max_slots, options.initial_slots - 1, idle_windows, progress.get()),
      devices(object.map_descriptor("devices"), object.map_descriptor("ledger"), progress.get()),
      hooks(make_hooks(object, options, traffic_control, pins ? &pins->folder() : nullptr))
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
					bool frames_start_at_ip)
{
	const std::lock_guard<std::mutex> guard(hooks_mutex);
	const bool added = devices.add(ifindex, direction, frames_start_at_ip);
	if (pins)
		pins->remember_name(ifindex, name);
	try {
		return hooks->attach(ifindex, name, direction, frames_start_at_ip);
	} catch (...) {
		if (added)
			devices.remove(ifindex, direction);
		throw;
	}
}

void Loaded::detach(uint32_t ifindex, flow_direction direction)
{
	const std::lock_guard<std::mutex> guard(hooks_mutex);
	hooks->detach(ifindex, direction);
	devices.remove(ifindex, direction);
}

} // namespace weir
