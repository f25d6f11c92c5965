// SPDX-License-Identifier: Apache-2.0
#include "tcx_hooks.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>

#include "failure.h"
#include "pin_folder.h"

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

constexpr std::string_view of_links = "link_";

std::string link_name(const HookPlace &place)
{
	return std::string(of_links) + std::to_string(place.first) + "_" + hook_name(place.second);
}

std::optional<HookPlace> place_of(std::string_view name)
{
	if (!name.starts_with(of_links))
		return std::nullopt;
	name.remove_prefix(of_links.size());
	uint32_t ifindex = 0;
	const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), ifindex);
	if (error != std::errc())
		return std::nullopt;
	return HookPlace(ifindex, std::string_view(rest).starts_with("_ingress") ? FLOW_INGRESS : FLOW_EGRESS);
}

// Identifiers of the links at a hook of this network namespace, as BPF_PROG_QUERY of Linux 6.6 has them; none where the
// device is gone.
std::vector<uint32_t> links_at(const HookPlace &place)
{
	constexpr uint32_t most = 64; // BPF_MPROG_MAX
	struct {
		uint32_t target_ifindex, attach_type, query_flags, attach_flags;
		uint64_t program_ids;
		uint32_t count, padding;
		uint64_t program_attach_flags, link_ids, link_attach_flags, revision;
	} query = {};
	std::vector<uint32_t> programs(most), links(most);
	query.target_ifindex = place.first;
	query.attach_type = place.second == FLOW_INGRESS ? tcx_ingress : tcx_egress;
	query.program_ids = reinterpret_cast<uint64_t>(programs.data());
	query.link_ids = reinterpret_cast<uint64_t>(links.data());
	query.count = most;
	if (::syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query))) {
		if (errno == ENODEV || errno == ENOENT)
			return {};
		throw Failure("BPF_PROG_QUERY tcx", errno);
	}
	links.resize(query.count);
	return links;
}

// The device may be gone, its index be another's, or it may be in another network namespace: the link's own word does
// not tell these apart, the hook's does.
bool hangs_there(const FileDescriptor &link, const HookPlace &place)
{
	bpf_link_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(link.get(), &info, &bytes))
		throw Failure("bpf_obj_get_info_by_fd", errno);
	for (const uint32_t id : links_at(place)) {
		if (id == info.id)
			return true;
	}
	return false;
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
	const HookPlace place(ifindex, direction);
	Link owned(FileDescriptor(link), pins_ != nullptr);
	detach(ifindex, direction);
	if (pins_) {
		try {
			pins_->pin(link, link_name(place));
		} catch (...) {
			owned.detach();
			throw;
		}
	}
	links_.emplace(place, std::move(owned));
	return {};
}

// Should detaching fail, closing does it.
TcxHooks::Link::~Link()
{
	if (!outlives_)
		detach();
}

void TcxHooks::Link::detach() const noexcept
{
	if (descriptor_.get() >= 0)
		bpf_link_detach(descriptor_.get());
}

void TcxHooks::detach(uint32_t ifindex, flow_direction direction)
{
	const HookPlace place(ifindex, direction);
	const auto found = links_.find(place);
	if (found == links_.end())
		return;
	found->second.detach();
	if (pins_)
		pins_->remove(link_name(place));
	links_.erase(found);
}

void TcxHooks::detach_all() noexcept
{
	links_.clear();
}

std::set<HookPlace> TcxHooks::take_over(const std::function<bool(uint32_t ifindex)> &frames_start_at_ip)
{
	std::set<HookPlace> places;
	for (const std::string &name : pins_->names()) {
		const std::optional<HookPlace> place = place_of(name);
		if (!place)
			continue;
		FileDescriptor link = pins_->open(name);
		if (!hangs_there(link, *place)) {
			bpf_link_detach(link.get()); // from wherever it hangs
			pins_->remove(name);
			continue;
		}
		const char *program = program_for(place->second, frames_start_at_ip(place->first));
		if (bpf_link_update(link.get(), object_.program_descriptor(program), nullptr)) {
			if (errno == ENOLINK) { // the device has just gone
				pins_->remove(name);
				continue;
			}
			throw Failure("bpf_link_update " + name, errno);
		}
		links_.emplace(*place, Link(std::move(link), true));
		places.insert(*place);
	}
	return places;
}

void TcxHooks::discard(const PinFolder &pins)
{
	for (const std::string &name : pins.names()) {
		if (!place_of(name))
			continue;
		const FileDescriptor link = pins.open(name);
		bpf_link_detach(link.get());
		pins.remove(name);
	}
}

} // namespace weir
