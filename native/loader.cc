// SPDX-License-Identifier: Apache-2.0
#include "loader.h"

#include <cstdlib>
#include <cstring>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include "../bpf/flow.h"
#include "failure.h"
#include "libbpf_log.h"
#include "pins.h"

namespace weir
{

namespace
{

std::string last_lines(const std::string &text, int count)
{
	size_t position = text.size();
	while (position > 0 && text[position - 1] == '\n')
		position--;
	const size_t end = position;
	for (int line = 0; line < count && position > 0; line++) {
		position = text.rfind('\n', position - 1);
		if (position == std::string::npos)
			return text.substr(0, end);
	}
	return text.substr(position + (text[position] == '\n'), end - position);
}

// The whole log goes to a file, since the verifier may say thousands of lines; the last ones name the reason.
std::string describe_rejection(const std::string &log)
{
	char path[] = "/tmp/weir-verifier-XXXXXX.log";
	const int file = ::mkostemps(path, 4, O_CLOEXEC);
	std::string where = "the full log could not be written";
	if (file >= 0) {
		if (::write(file, log.data(), log.size()) == static_cast<ssize_t>(log.size()))
			where = std::string("full log in ") + path;
		::close(file);
	}
	return last_lines(log, 6) + "\n" + where;
}

// The memory of a map of globals before load, checked against the struct that user space believes it holds.
template <typename Globals>
Globals *globals_of(bpf_object *object, const char *map_name)
{
	bpf_map *map = bpf_object__find_map_by_name(object, map_name);
	size_t bytes = 0;
	void *value = map ? const_cast<void *>(bpf_map__initial_value(map, &bytes)) : nullptr;
	if (!value || bytes != sizeof(Globals))
		throw Failure(std::string("map ") + map_name, EINVAL, "the BPF object does not fit this addon");
	return static_cast<Globals *>(value);
}

void size_maps(bpf_object *object, uint32_t slots)
{
	const struct {
		const char *name;
		uint32_t value_bytes;
	} tables[] = {{"flow_slots", sizeof(flow_slot)}, {"flow_cold", sizeof(flow_cold)}};
	for (const auto &table : tables) {
		bpf_map *map = bpf_object__find_map_by_name(object, table.name);
		if (!map || bpf_map__value_size(map) != table.value_bytes)
			throw Failure(std::string("map ") + table.name, EINVAL,
				      "the BPF object does not fit this addon");
		bpf_map__set_max_entries(map, slots);
	}
}

// All but the constants, which are of one load.
void take_maps(bpf_object *object, const BpfObject &shared)
{
	bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		if (std::strncmp(name, ".rodata", 7) == 0)
			continue;
		const int error = bpf_map__reuse_fd(map, shared.map_descriptor(name));
		if (error)
			throw Failure(std::string("bpf_map__reuse_fd ") + name, -error);
	}
}

} // namespace

BpfObject::BpfObject(const LoadOptions &options, const BpfObject *shared, PinnedMaps *pins)
{
	std::string log;
	{
		const LibbpfLog keeper(log);
		object_.reset(bpf_object__open_file(options.object_path.c_str(), nullptr));
	}
	if (!object_)
		throw Failure("bpf_object__open_file " + options.object_path, errno, log);
	if (shared)
		take_maps(object_.get(), *shared);
	else
		size_maps(object_.get(), options.max_slots);

	auto *settings = globals_of<flow_settings>(object_.get(), ".rodata.settings");
	settings->max_mask = options.max_slots - 1;
	settings->selects = options.protocols || options.sampling > 1;
	settings->sampling = options.sampling;
	settings->follow_into_tunnels = options.follow_into_tunnels;
	for (auto &protocols : settings->protocols)
		protocols = options.protocols ? 0 : UINT64_MAX;
	for (const uint8_t protocol : options.protocols.value_or(std::vector<uint8_t>{}))
		settings->protocols[protocol >> 6] |= uint64_t{1} << (protocol & 63);
	settings->index_base = options.index_base;
	if (!shared) {
		auto *control = globals_of<flow_control>(object_.get(), ".data.control");
		control->epoch = 1;
		control->mask = options.initial_slots - 1;
	}

	// This may remove filters, for which libbpf's log is kept as well, and only one can keep it.
	if (pins)
		pins->prepare(object_.get());

	int error;
	{
		const LibbpfLog keeper(log);
		error = bpf_object__load(object_.get());
	}
	if (error) {
		const bool rejected = log.find("BEGIN PROG LOAD LOG") != std::string::npos;
		throw Failure(rejected ? "bpf_prog_load" : "bpf_object__load", -error,
			      rejected ? describe_rejection(log) : last_lines(log, 4));
	}
	if (pins)
		pins->keep(object_.get());
}

int BpfObject::map_descriptor(const char *name) const
{
	const int descriptor = bpf_object__find_map_fd_by_name(object_.get(), name);
	if (descriptor < 0)
		throw Failure(std::string("map ") + name, ENOENT);
	return descriptor;
}

int BpfObject::program_descriptor(const char *name) const
{
	const bpf_program *program = bpf_object__find_program_by_name(object_.get(), name);
	if (!program)
		throw Failure(std::string("program ") + name, ENOENT);
	return bpf_program__fd(program);
}

std::map<std::string, uint32_t> BpfObject::program_ids() const
{
	std::map<std::string, uint32_t> ids;
	bpf_program *program;
	bpf_object__for_each_program(program, object_.get())
	{
		if (!bpf_program__autoload(program))
			continue;
		bpf_prog_info info = {};
		uint32_t bytes = sizeof(info);
		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes))
			throw Failure("bpf_obj_get_info_by_fd", errno);
		ids[bpf_program__name(program)] = info.id;
	}
	return ids;
}

} // namespace weir
