// SPDX-License-Identifier: Apache-2.0
// Which network namespace each device that counts is of, by the lower 16 bits of its index, as a flow has them. A
// device keeps its place until another one has these. Any call from any thread at any time.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "network_namespace.h"

namespace weir
{

class DevicePlaces
{
      public:
	// Without a place: this process's own.
	void set(uint16_t iface, const std::optional<NetworkNamespace> &place)
	{
		const std::lock_guard<std::mutex> guard(mutex_);
		if (!place) {
			bases_.erase(iface);
			return;
		}
		bases_[iface] = place->base;
		places_.insert_or_assign(place->base, *place);
		any_ = true;
	}

	// What is added to indexes of its namespace; 0: this process's own.
	uint32_t base_of(uint16_t iface) const
	{
		if (!any_)
			return 0;
		const std::lock_guard<std::mutex> guard(mutex_);
		const auto found = bases_.find(iface);
		return found == bases_.end() ? 0 : found->second;
	}

	std::optional<NetworkNamespace> with_base(uint32_t base) const
	{
		const std::lock_guard<std::mutex> guard(mutex_);
		const auto found = places_.find(base);
		return found == places_.end() ? std::nullopt : std::optional(found->second);
	}

      private:
	std::atomic<bool> any_ = false; // nearly always there is none, and each new flow asks
	mutable std::mutex mutex_;
	std::map<uint16_t, uint32_t> bases_;
	std::map<uint32_t, NetworkNamespace> places_; // by base, of which there are few
};

} // namespace weir
