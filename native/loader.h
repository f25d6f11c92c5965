// SPDX-License-Identifier: Apache-2.0
// Opens a BPF object, sizes its maps, sets its constants and loads it into the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

namespace weir
{

struct LoadOptions {
	std::string object_path;
	uint32_t max_slots;	// a power of two
	uint32_t initial_slots; // a power of two, at most max_slots
	std::optional<std::vector<uint8_t>> protocols;
	uint32_t sampling = 1; // one packet in this many
	bool follow_into_tunnels = false;
	bool socket_filter = false; // the object has the program of packet sockets, not those of interfaces
	uint32_t index_base = 0;    // flow_settings
};

class PinnedMaps;

class BpfObject
{
      public:
	// Throws Failure; when the verifier refuses, detail holds its last lines and the path of the whole log.
	// `shared` has the maps that this one counts into, in place of its own; `pins` is where its own stay. Or null.
	explicit BpfObject(const LoadOptions &options, const BpfObject *shared = nullptr, PinnedMaps *pins = nullptr);

	int map_descriptor(const char *name) const;
	int program_descriptor(const char *name) const;
	// Kernel ids of the programs that were loaded, by name.
	std::map<std::string, uint32_t> program_ids() const;

      private:
	struct Close {
		void operator()(bpf_object *object) const
		{
			bpf_object__close(object);
		}
	};
	std::unique_ptr<bpf_object, Close> object_;
};

} // namespace weir
