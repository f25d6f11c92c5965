// SPDX-License-Identifier: Apache-2.0
// See program.h.

#include "program.h"

#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>

namespace test_support
{

namespace
{

// Of linux/bpf.h since 6.6, newer than the headers of Debian 12.
constexpr auto TCX_INGRESS = static_cast<bpf_attach_type>(46);
constexpr auto TCX_EGRESS = static_cast<bpf_attach_type>(47);
constexpr uint32_t BEFORE = 1u << 3; // BPF_F_BEFORE

constexpr uint32_t MAX_MAPS = 64;

bpf_prog_info program_info(int descriptor, std::vector<uint32_t> *map_ids)
{
	bpf_prog_info info = {};
	if (map_ids != nullptr) {
		info.nr_map_ids = map_ids->size();
		info.map_ids = reinterpret_cast<uint64_t>(map_ids->data());
	}
	uint32_t size = sizeof(info);
	checked(bpf_obj_get_info_by_fd(descriptor, &info, &size), "BPF_OBJ_GET_INFO_BY_FD");
	return info;
}

} // namespace

std::vector<LoadedProgram> load_programs(const std::string &object_path)
{
	const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(
	    bpf_object__open_file(object_path.c_str(), nullptr), bpf_object__close);
	if (!object)
		fail("open " + object_path);
	checked(bpf_object__load(object.get()), "load " + object_path);

	std::vector<LoadedProgram> programs;
	bpf_program *program;
	bpf_object__for_each_program(program, object.get())
	{
		Descriptor descriptor(checked(fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0), "dup"));
		const uint32_t id = program_info(descriptor.get(), nullptr).id;
		programs.push_back({bpf_program__name(program), id, std::move(descriptor)});
	}
	return programs;
}

Descriptor open_program(uint32_t id)
{
	return Descriptor(checked(bpf_prog_get_fd_by_id(id), "BPF program " + std::to_string(id)));
}

Descriptor attach_program(uint32_t id, const std::string &interface, bool egress)
{
	const Descriptor program = open_program(id);
	const unsigned index = if_nametoindex(interface.c_str());
	if (index == 0)
		fail("interface " + interface);
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = BEFORE);
	return Descriptor(checked(
	    bpf_link_create(program.get(), static_cast<int>(index), egress ? TCX_EGRESS : TCX_INGRESS, &options),
	    "attach to " + interface));
}

uint32_t count_attached_programs(const std::string &interface)
{
	const unsigned index = if_nametoindex(interface.c_str());
	if (index == 0)
		fail("interface " + interface);
	uint32_t attached = 0;
	for (const bpf_attach_type type : {TCX_INGRESS, TCX_EGRESS}) {
		uint32_t flags = 0, count = 0;
		// What older headers call the target's descriptor is the index of the interface here.
		checked(bpf_prog_query(static_cast<int>(index), type, 0, &flags, nullptr, &count), "BPF_PROG_QUERY");
		attached += count;
	}
	return attached;
}

void write_map_word(uint32_t program_id, const std::string &map_name, uint32_t value)
{
	const Descriptor program = open_program(program_id);
	std::vector<uint32_t> map_ids(MAX_MAPS);
	map_ids.resize(program_info(program.get(), &map_ids).nr_map_ids);
	for (const uint32_t id : map_ids) {
		const Descriptor map(checked(bpf_map_get_fd_by_id(id), "BPF map " + std::to_string(id)));
		bpf_map_info info = {};
		uint32_t size = sizeof(info);
		checked(bpf_obj_get_info_by_fd(map.get(), &info, &size), "BPF_OBJ_GET_INFO_BY_FD");
		if (map_name != info.name)
			continue;
		if (info.value_size != sizeof(value))
			fail("value size of map " + map_name, EINVAL);
		const uint32_t index = 0;
		checked(bpf_map_update_elem(map.get(), &index, &value, BPF_ANY), "write to map " + map_name);
		return;
	}
	fail("map " + map_name + " of BPF program " + std::to_string(program_id), ENOENT);
}

Descriptor enable_run_time()
{
	return Descriptor(checked(bpf_enable_stats(BPF_STATS_RUN_TIME), "BPF_ENABLE_STATS"));
}

RunTime read_run_time(uint32_t program_id)
{
	const Descriptor program = open_program(program_id);
	const bpf_prog_info info = program_info(program.get(), nullptr);
	return {info.run_time_ns, info.run_cnt};
}

} // namespace test_support
