// SPDX-License-Identifier: Apache-2.0
// The maps of a loaded object in a folder of pins: taken over from the process before when they are what this one would
// make, else removed and made anew.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "pin_folder.h"

namespace weir
{

struct PinOptions {
	std::string path;
	// What decides how the tables are filled, by the names that users know. Pins with other settings are not taken.
	std::vector<std::pair<std::string, std::string>> settings;
};

struct DeviceName {
	uint32_t ifindex;
	char name[16]; // IFNAMSIZ
};

// Pins that did not fit, and are gone.
struct Refused {
	std::vector<std::string> differences; // `cache_max_flows: 1024 before, 2048 now`
	// Counted and not committed, by iface and direction; nothing when its layout is not known any more.
	std::optional<std::map<std::pair<uint16_t, uint8_t>, flow_amount>> amounts;
	std::vector<DeviceName> names;
};

// Names among pins and in descriptions that two files know.
constexpr const char *device_names_pin = "own_device_names";
constexpr const char *constants_line = "constants of the programs";

inline bpf_map_info info_of(int descriptor)
{
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(descriptor, &info, &bytes))
		throw Failure("bpf_obj_get_info_by_fd", errno);
	return info;
}

class PinnedMaps
{
      public:
	explicit PinnedMaps(PinOptions options);

	// Before the object is loaded, with its maps sized: decides, and lets the object use the maps that are there.
	void prepare(bpf_object *object);
	// After it was loaded: pins new maps.
	void keep(bpf_object *object);
	// Everything is pinned that must be: from here on a later process may take it over.
	void seal();

	// A mmapable array for user space alone, which is made when it is not there.
	int own(const char *name, uint32_t value_bytes, uint32_t entries) const;

	bool taken_over() const
	{
		return taken_over_;
	}
	const std::optional<Refused> &refused() const
	{
		return refused_;
	}
	const PinFolder &folder() const
	{
		return folder_;
	}
	void remember_name(uint32_t ifindex, const std::string &name) const;
	std::vector<DeviceName> names() const;

      private:
	using Lines = std::map<std::string, std::string>;

	Lines describe(const bpf_object *object) const;
	std::optional<Lines> read_description() const;
	Refused refuse(const Lines &before) const;
	void discard() const;

	PinFolder folder_;
	PinOptions options_;
	Lines description_;
	bool taken_over_ = false;
	std::optional<Refused> refused_;
	FileDescriptor names_;
	mutable std::vector<FileDescriptor> own_;
};

} // namespace weir
