// SPDX-License-Identifier: Apache-2.0
#include "grace_period.h"

#include <cstdint>

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failure.h"
#include "file_descriptor.h"

namespace weir
{

namespace
{

// The kernel waits for all programs before an update of a map of maps returns, so that the old inner map is unused.
void update_map_of_maps()
{
	const FileDescriptor inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_inner", 4, 4, 1, nullptr));
	if (inner.get() < 0)
		throw Failure("bpf_map_create", errno);
	LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<uint32_t>(inner.get()));
	const FileDescriptor outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "weir_outer", 4, 4, 1, &options));
	if (outer.get() < 0)
		throw Failure("bpf_map_create of a map of maps", errno);
	const uint32_t key = 0, value = static_cast<uint32_t>(inner.get());
	if (bpf_map_update_elem(outer.get(), &key, &value, BPF_ANY))
		throw Failure("bpf_map_update_elem of a map of maps", errno);
}

} // namespace

void wait_for_running_programs()
{
	// MEMBARRIER_CMD_GLOBAL waits for an RCU grace period; nohz_full kernels answer EINVAL. With one CPU it does
	// not wait at all, but a real-time kernel may have put a program aside for this thread.
	if (::sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
			return;
		if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
			throw Failure("membarrier", errno);
	}
	update_map_of_maps();
}

} // namespace weir
