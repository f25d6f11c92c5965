// SPDX-License-Identifier: Apache-2.0
// Loads and attaches BPF programs of benchmarks and tests, and reads what the kernel knows about a loaded one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "failure.h"

namespace test_support
{

struct LoadedProgram {
	std::string name;
	uint32_t id;
	Descriptor descriptor; // keeps the program and its maps
};

std::vector<LoadedProgram> load_programs(const std::string &object_path);

Descriptor open_program(uint32_t id);

// A tcx link before all others, on an interface of the calling thread's namespace. Closing it detaches.
Descriptor attach_program(uint32_t id, const std::string &interface, bool egress);

// Programs at the tcx hooks of an interface of the calling thread's namespace, ingress and egress together.
uint32_t count_attached_programs(const std::string &interface);

// Writes one word to the map of this program that has this name, at index 0; the map's value is that word.
void write_map_word(uint32_t program_id, const std::string &map_name, uint32_t value);

// While the descriptor is open the kernel takes the time of every BPF program, at about 70 ns a run.
Descriptor enable_run_time();

struct RunTime {
	uint64_t time_ns;
	uint64_t runs;
};

// Zero unless enable_run_time() was on.
RunTime read_run_time(uint32_t program_id);

} // namespace test_support
