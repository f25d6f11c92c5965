// SPDX-License-Identifier: Apache-2.0
#include "pins.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>

#include <bpf/bpf.h>
#include <sys/socket.h>

#include "failure.h"
#include "hooks.h"
#include "own_connections.h"
#include "progress.h"

namespace weir
{

namespace
{

constexpr std::string_view of_maps = "map_";
constexpr std::string_view of_own_maps = "own_";
constexpr const char *description_name = "description";
constexpr uint32_t description_bytes = 16384;

// One entry a flow: how many is a setting of its own.
const std::set<std::string_view> sized_by_settings = {"flow_slots", "flow_cold"};

// Names on a bpf file system have no dots.
std::string pin_name(std::string_view prefix, std::string name)
{
	std::replace(name.begin(), name.end(), '.', '_');
	return std::string(prefix) + name;
}

// What is constant belongs to the programs, which are always those of this process.
bool is_pinned(const bpf_map *map)
{
	return !std::string_view(bpf_map__name(map)).starts_with(".rodata");
}

// Of the calling thread. A namespace's number in the file system may come again, its cookie does not.
std::string network_namespace()
{
	constexpr int so_netns_cookie = 71; // Linux 5.14; the headers of older distributions do not have it
	const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (socket.get() < 0)
		throw Failure("socket AF_UNIX", errno);
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);
	if (::getsockopt(socket.get(), SOL_SOCKET, so_netns_cookie, &cookie, &bytes))
		throw Failure("getsockopt SO_NETNS_COOKIE", errno);
	return std::to_string(cookie);
}

// All settings of the programs, also those that nobody has named.
std::string constants_of(const bpf_object *object)
{
	size_t bytes = 0;
	const bpf_map *map = bpf_object__find_map_by_name(object, ".rodata.settings");
	const auto *value =
	    static_cast<const uint8_t *>(map ? bpf_map__initial_value(const_cast<bpf_map *>(map), &bytes) : nullptr);
	std::string text;
	char digits[3];
	for (size_t at = 0; at < bytes; at++) {
		std::snprintf(digits, sizeof(digits), "%02x", value[at]);
		text += digits;
	}
	return text;
}

} // namespace

PinnedMaps::PinnedMaps(PinOptions options) : folder_(options.path), options_(std::move(options)) {}

PinnedMaps::Lines PinnedMaps::describe(const bpf_object *object) const
{
	Lines lines(options_.settings.begin(), options_.settings.end());
	lines["layout"] = std::to_string(FLOW_LAYOUT);
	lines["network namespace"] = network_namespace();
	lines[constants_line] = constants_of(object);
	lines["map progress"] =
	    std::to_string(sizeof(ProgressHead)) + " B, slot " + std::to_string(sizeof(Staged<flow_amount>)) +
	    " B, ledger row " + std::to_string(sizeof(Staged<ledger_row>)) + " B, name " +
	    std::to_string(sizeof(DeviceName)) + " B, connection " + std::to_string(sizeof(OwnConnection)) + " B";
	const bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		if (!is_pinned(map))
			continue;
		const std::string name = bpf_map__name(map);
		std::string text = "type " + std::to_string(bpf_map__type(map)) + ", key " +
				   std::to_string(bpf_map__key_size(map)) + " B, value " +
				   std::to_string(bpf_map__value_size(map)) + " B, flags " +
				   std::to_string(bpf_map__map_flags(map));
		if (!sized_by_settings.contains(name))
			text += ", " + std::to_string(bpf_map__max_entries(map)) + " entries";
		lines["map " + name] = text;
	}
	return lines;
}

std::optional<PinnedMaps::Lines> PinnedMaps::read_description() const
{
	const FileDescriptor map = folder_.open(description_name);
	if (map.get() < 0)
		return std::nullopt;
	std::string text(description_bytes, '\0');
	const uint32_t key = 0;
	// Of another form: nothing is known about it.
	if (info_of(map.get()).value_size != description_bytes)
		return Lines{};
	if (bpf_map_lookup_elem(map.get(), &key, text.data()))
		throw Failure("bpf_map_lookup_elem description", errno);
	Lines lines;
	for (size_t start = 0; start < text.size() && text[start] != '\0';) {
		const size_t end = text.find('\n', start), tab = text.find('\t', start);
		if (end == std::string::npos || tab > end)
			break;
		lines[text.substr(start, tab - start)] = text.substr(tab + 1, end - tab - 1);
		start = end + 1;
	}
	return lines;
}

void PinnedMaps::prepare(bpf_object *object)
{
	description_ = describe(object);
	const std::optional<Lines> before = read_description();
	taken_over_ = before == description_;
	if (!taken_over_) {
		if (before)
			refused_ = refuse(*before);
		else
			discard_hooks(folder_);
		discard();
		return;
	}
	bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		if (!is_pinned(map))
			continue;
		const FileDescriptor pinned = folder_.open(pin_name(of_maps, bpf_map__name(map)));
		if (pinned.get() < 0)
			throw Failure("pin_path " + folder_.path() + "/" + pin_name(of_maps, bpf_map__name(map)),
				      ENOENT);
		const int error = bpf_map__reuse_fd(map, pinned.get()); // of a copy
		if (error)
			throw Failure("bpf_map__reuse_fd", -error);
	}
}

void PinnedMaps::keep(bpf_object *object)
{
	if (taken_over_) {
		names_ = folder_.open(device_names_pin);
		return;
	}
	bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		if (is_pinned(map))
			folder_.pin(bpf_map__fd(map), pin_name(of_maps, bpf_map__name(map)));
	}
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	names_ = FileDescriptor(bpf_map_create(BPF_MAP_TYPE_HASH, "device_names", sizeof(uint32_t), sizeof(DeviceName),
					       DEVICE_SLOTS, &options));
	if (names_.get() < 0)
		throw Failure("bpf_map_create device_names", errno);
	folder_.pin(names_.get(), device_names_pin);
}

void PinnedMaps::seal()
{
	if (taken_over_)
		return;
	std::string text;
	for (const auto &[name, value] : description_)
		text += name + "\t" + value + "\n";
	if (text.size() >= description_bytes)
		throw Failure("pin_path " + folder_.path(), E2BIG);
	text.resize(description_bytes);
	const FileDescriptor map(
	    bpf_map_create(BPF_MAP_TYPE_ARRAY, "description", sizeof(uint32_t), description_bytes, 1, nullptr));
	const uint32_t key = 0;
	if (map.get() < 0 || bpf_map_update_elem(map.get(), &key, text.data(), BPF_ANY))
		throw Failure("bpf_map_create description", errno);
	folder_.pin(map.get(), description_name);
}

int PinnedMaps::own(const char *name, uint32_t value_bytes, uint32_t entries) const
{
	const std::string pinned = pin_name(of_own_maps, name);
	FileDescriptor map = folder_.open(pinned);
	if (map.get() < 0) {
		LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
		map = FileDescriptor(
		    bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t), value_bytes, entries, &options));
		if (map.get() < 0)
			throw Failure(std::string("bpf_map_create ") + name, errno);
		folder_.pin(map.get(), pinned);
	}
	own_.push_back(std::move(map));
	return own_.back().get();
}

void PinnedMaps::remember_name(uint32_t ifindex, const std::string &name) const
{
	const uint32_t key = ifindex & (DEVICE_SLOTS - 1);
	DeviceName value = {.ifindex = ifindex, .name = {}};
	name.copy(value.name, sizeof(value.name) - 1);
	if (bpf_map_update_elem(names_.get(), &key, &value, BPF_ANY))
		throw Failure("bpf_map_update_elem device_names", errno);
}

std::vector<DeviceName> PinnedMaps::names() const
{
	std::vector<DeviceName> names;
	DeviceName value;
	uint32_t key = 0, next = 0;
	for (void *from = nullptr; bpf_map_get_next_key(names_.get(), from, &next) == 0; from = &key) {
		key = next;
		if (bpf_map_lookup_elem(names_.get(), &key, &value) == 0)
			names.push_back(value);
	}
	return names;
}

// The description first: what is half gone must not be taken for whole.
void PinnedMaps::discard() const
{
	folder_.remove(description_name);
	for (const std::string &name : folder_.names()) {
		if (name.starts_with(of_maps) || name.starts_with(of_own_maps))
			folder_.remove(name);
	}
	own_.clear();
}

} // namespace weir
