// SPDX-License-Identifier: Apache-2.0
#include "hooks.h"

#include <utility>

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
} // namespace

void Hooks::attach(int program_descriptor, uint32_t ifindex, const std::string &name, flow_direction direction)
{
	const auto type = static_cast<bpf_attach_type>(direction == FLOW_INGRESS ? tcx_ingress : tcx_egress);
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = before_all);
	const int link = bpf_link_create(program_descriptor, static_cast<int>(ifindex), type, &options);
	if (link < 0)
		throw Failure("bpf_link_create " + name + (direction == FLOW_INGRESS ? " ingress" : " egress"), errno);
	// In place of the link to a device of the same index that is gone.
	Link owned(link);
	const std::lock_guard<std::mutex> guard(mutex_);
	auto [place, added] = links_.try_emplace({ifindex, direction}, std::move(owned));
	if (!added)
		std::swap(place->second, owned);
}

// Should detaching fail, closing does it.
Hooks::Link::~Link()
{
	if (descriptor_.get() >= 0)
		bpf_link_detach(descriptor_.get());
}

void Hooks::detach(uint32_t ifindex, flow_direction direction)
{
	std::unique_lock<std::mutex> guard(mutex_);
	const auto link = links_.extract({ifindex, direction});
	guard.unlock();
}

void Hooks::detach_all()
{
	std::unique_lock<std::mutex> guard(mutex_);
	const auto links = std::exchange(links_, {});
	guard.unlock();
}

bool Hooks::attached(uint32_t ifindex) const
{
	const std::lock_guard<std::mutex> guard(mutex_);
	return links_.contains({ifindex, FLOW_INGRESS}) || links_.contains({ifindex, FLOW_EGRESS});
}

} // namespace weir
