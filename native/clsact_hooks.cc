// SPDX-License-Identifier: Apache-2.0
#include "clsact_hooks.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <bpf/libbpf.h>
#include <net/if.h>

#include "failure.h"
#include "libbpf_log.h"
#include "sign_of_life.h"
#include "traffic_control.h"

namespace weir
{

namespace
{

// Handles of our filters, and of nobody else's: "wei" in ASCII, then whether clsact was made for them.
constexpr uint32_t own_handle = 0x77656900;
constexpr uint32_t own_handle_and_clsact = own_handle | 1;

bpf_tc_hook hook_of(uint32_t ifindex, bpf_tc_attach_point point)
{
	return {.sz = sizeof(bpf_tc_hook), .ifindex = static_cast<int>(ifindex), .attach_point = point, .parent = 0};
}

bpf_tc_attach_point point_of(flow_direction direction)
{
	return direction == FLOW_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

constexpr auto both_points = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);

// The result of a call of libbpf, which is 0 or a negative errno. `log` gets what libbpf and the kernel say.
template <typename Call>
int quietly(std::string &log, Call call)
{
	const LibbpfLog keeper(log);
	return -call();
}

// False when the device has it already.
bool make_clsact(uint32_t ifindex, const std::string &place)
{
	bpf_tc_hook hook = hook_of(ifindex, both_points);
	std::string log;
	const int error = quietly(log, [&] { return bpf_tc_hook_create(&hook); });
	if (error && error != EEXIST)
		throw Failure("bpf_tc_hook_create " + place, error, log);
	return error == 0;
}

bool has_clsact(uint32_t ifindex)
{
	const std::vector<uint32_t> devices = list_clsact_devices();
	return std::find(devices.begin(), devices.end(), ifindex) != devices.end();
}

void remove_clsact_if_unused(uint32_t ifindex)
{
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
		if (!list_filters(ifindex, direction).empty())
			return;
	}
	bpf_tc_hook hook = hook_of(ifindex, both_points);
	std::string log;
	const int error = quietly(log, [&] { return bpf_tc_hook_destroy(&hook); });
	if (error && error != ENOENT && error != EINVAL && error != ENODEV)
		throw Failure("bpf_tc_hook_destroy", error, log);
}

void remove_filter(uint32_t ifindex, flow_direction direction, const ClassifierFilter &filter)
{
	const bpf_tc_hook hook = hook_of(ifindex, point_of(direction));
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = filter.handle, .priority = filter.preference);
	std::string log;
	const int error = quietly(log, [&] { return bpf_tc_detach(&hook, &options); });
	if (error && error != ENOENT && error != ENODEV)
		throw Failure(std::string("bpf_tc_detach ") + hook_name(direction), error, log);
	if (filter.handle == own_handle_and_clsact)
		remove_clsact_if_unused(ifindex);
}

bool is_ours(const ClassifierFilter &filter)
{
	const std::string_view name = filter.name;
	return (filter.handle == own_handle || filter.handle == own_handle_and_clsact) &&
	       (name.starts_with("network_ingress") || name.starts_with("network_egress"));
}

bool is_left_behind(const ClassifierFilter &filter)
{
	return is_ours(filter) && !shows_sign_of_life(filter.program_id);
}

// Whichever run made it: the last filter of all takes it away.
bool clsact_is_ours(uint32_t ifindex)
{
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
		for (const ClassifierFilter &filter : list_filters(ifindex, direction)) {
			if (is_ours(filter) && filter.handle == own_handle_and_clsact)
				return true;
		}
	}
	return false;
}

uint16_t first_free_preference(const std::vector<ClassifierFilter> &filters)
{
	std::set<uint16_t> taken;
	for (const ClassifierFilter &filter : filters)
		taken.insert(filter.preference);
	uint16_t preference = 1;
	while (taken.contains(preference))
		preference++;
	return preference;
}

std::vector<std::string> names_before(uint16_t preference, const std::vector<ClassifierFilter> &filters)
{
	std::set<std::string> names;
	for (const ClassifierFilter &filter : filters) {
		// A preference is listed once without a handle, and once for each of its filters.
		if (filter.preference < preference && filter.handle != 0)
			names.insert((filter.name.empty() ? filter.kind : filter.name) + " at preference " +
				     std::to_string(filter.preference));
	}
	return {names.begin(), names.end()};
}

} // namespace

ClsactHooks::ClsactHooks(const BpfObject &object) : object_(object), program_ids_(object.program_ids()) {}

ClsactHooks::~ClsactHooks()
{
	ClsactHooks::detach_all();
}

// Of this run, whatever its frames start with.
bool ClsactHooks::is_own(const ClassifierFilter &filter, flow_direction direction) const
{
	return is_ours(filter) && (filter.program_id == program_ids_.at(program_for(direction, false)) ||
				   filter.program_id == program_ids_.at(program_for(direction, true)));
}

std::vector<std::string> ClsactHooks::attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					     bool frames_start_at_ip)
{
	const std::string place = name + " " + hook_name(direction);
	// Before the first filter: another run must never take a filter of this one for one that was left behind.
	if (signs_of_life_.empty()) {
		for (const auto &[program, id] : program_ids_)
			signs_of_life_.push_back(show_sign_of_life(id));
	}
	const bool made = make_clsact(ifindex, place);
	const bool there = made || places_.contains({ifindex, direction == FLOW_INGRESS ? FLOW_EGRESS : FLOW_INGRESS});
	// In the place of clsact, `ingress` takes filters for egress too, and runs them on ingress.
	if (!there && !has_clsact(ifindex))
		throw Failure("bpf_tc_hook_create " + place, EEXIST, "another queueing discipline has its place");
	const uint32_t handle = made || clsact_is_ours(ifindex) ? own_handle_and_clsact : own_handle;

	const std::vector<ClassifierFilter> others = list_filters(ifindex, direction);
	for (const ClassifierFilter &other : others) {
		if (is_own(other, direction))
			throw Failure("bpf_tc_attach " + place, EEXIST);
	}
	const uint16_t preference = first_free_preference(others);
	const bpf_tc_hook hook = hook_of(ifindex, point_of(direction));
	LIBBPF_OPTS(bpf_tc_opts, options,
		    .prog_fd = object_.program_descriptor(program_for(direction, frames_start_at_ip)), .handle = handle,
		    .priority = preference);
	std::string log;
	const int error = quietly(log, [&] { return bpf_tc_attach(&hook, &options); });
	if (error) {
		if (made)
			remove_clsact_if_unused(ifindex);
		throw Failure("bpf_tc_attach " + place, error, log);
	}
	places_.emplace(ifindex, direction);
	return names_before(preference, others);
}

void ClsactHooks::detach(uint32_t ifindex, flow_direction direction)
{
	if (!places_.contains({ifindex, direction}))
		return;
	for (const ClassifierFilter &filter : list_filters(ifindex, direction)) {
		if (is_own(filter, direction))
			remove_filter(ifindex, direction, filter);
	}
	places_.erase({ifindex, direction});
}

void ClsactHooks::detach_all() noexcept
{
	while (!places_.empty()) {
		const auto [ifindex, direction] = *places_.begin();
		try {
			detach(ifindex, direction);
		} catch (const std::exception &) {
			// The next run takes it away.
		}
		places_.erase({ifindex, direction});
	}
}

std::vector<std::string> remove_left_filters()
{
	std::vector<std::string> removed;
	for (const uint32_t ifindex : list_clsact_devices()) {
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
			for (const ClassifierFilter &filter : list_filters(ifindex, direction)) {
				if (!is_left_behind(filter))
					continue;
				remove_filter(ifindex, direction, filter);
				char name[IF_NAMESIZE];
				const std::string device =
				    ::if_indextoname(ifindex, name) ? name : std::to_string(ifindex);
				removed.push_back(device + " " + hook_name(direction));
			}
		}
	}
	return removed;
}

} // namespace weir
