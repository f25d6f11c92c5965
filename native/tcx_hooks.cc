// SPDX-License-Identifier: Apache-2.0
#include "tcx_hooks.h"

#include <limits>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "failure.h"

namespace weir
{

namespace
{
// Linux 6.6 include/uapi/linux/bpf.h; the headers of older distributions do not have them.
constexpr int tcx_ingress = 46;
constexpr int tcx_egress = 47;
constexpr uint32_t before_all = 1u << 3; // BPF_F_BEFORE, without a relative: at the head

constexpr int no_interface = std::numeric_limits<int>::max();

// A descriptor, or -1 with errno.
int create_link(int program_descriptor, int ifindex, flow_direction direction)
{
	const auto type = static_cast<bpf_attach_type>(direction == FLOW_INGRESS ? tcx_ingress : tcx_egress);
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = before_all);
	return bpf_link_create(program_descriptor, ifindex, type, &options);
}
} // namespace

bool TcxHooks::available(const BpfObject &object)
{
	const FileDescriptor link(
	    create_link(object.program_descriptor(program_for(FLOW_INGRESS, false)), no_interface, FLOW_INGRESS));
	return link.get() >= 0 || errno == ENODEV;
}

std::vector<std::string> TcxHooks::attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					  bool frames_start_at_ip)
{
	const int link = create_link(object_.program_descriptor(program_for(direction, frames_start_at_ip)),
				     static_cast<int>(ifindex), direction);
	if (link < 0)
		throw Failure("bpf_link_create " + name + " " + hook_name(direction), errno);
	// In place of the link to a device of the same index that is gone.
	const std::pair place(ifindex, direction);
	Link owned(link);
	links_.erase(place);
	links_.emplace(place, std::move(owned));
	return {};
}

// Should detaching fail, closing does it.
TcxHooks::Link::~Link()
{
	if (descriptor_.get() >= 0)
		bpf_link_detach(descriptor_.get());
}

void TcxHooks::detach(uint32_t ifindex, flow_direction direction)
{
	links_.erase({ifindex, direction});
}

void TcxHooks::detach_all() noexcept
{
	links_.clear();
}

} // namespace weir
