// SPDX-License-Identifier: Apache-2.0
// long: a filter, the clsact below it and the handles that tell whose they are come and go together.
#include "clsact_hooks.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include <bpf/libbpf.h>
#include <net/if.h>

#include "failure.h"
#include "libbpf_log.h"
#include "pin_folder.h"
#include "sign_of_life.h"
#include "traffic_control.h"

namespace weir
{

namespace
{

// Handles of our filters, and of nobody else's: "wei" in ASCII, then whether clsact was made for them. Filters that are
// to outlive the process have "wp" and 15 bits of their folder's name instead: they are for the next process of that
// folder.
constexpr uint32_t own_handle = 0x77656900;
constexpr uint32_t pinned_handle = 0x77700000;
constexpr uint32_t made_clsact = 1;

uint32_t handle_for(const PinFolder &pins)
{
	return pinned_handle | (static_cast<uint32_t>(std::hash<std::string>()(pins.path())) & 0x7fff) << 1;
}

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
	if (filter.handle & made_clsact)
		remove_clsact_if_unused(ifindex);
}

bool is_program_of_ours(const ClassifierFilter &filter)
{
	const std::string_view name = filter.name;
	return name.starts_with("network_ingress") || name.starts_with("network_egress");
}

bool has_handle(const ClassifierFilter &filter, uint32_t handle)
{
	return (filter.handle & ~made_clsact) == handle && is_program_of_ours(filter);
}

// Of any process, pinned or not.
bool is_ours(const ClassifierFilter &filter)
{
	return has_handle(filter, own_handle) ||
	       ((filter.handle & 0xffff0000) == pinned_handle && is_program_of_ours(filter));
}

bool is_left_behind(const ClassifierFilter &filter, uint32_t handle)
{
	return has_handle(filter, handle) && !shows_sign_of_life(filter.program_id);
}

// Every filter with this handle of a process that is gone.
template <typename Do>
void for_each_left_behind(uint32_t handle, Do each)
{
	for (const uint32_t ifindex : list_clsact_devices()) {
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
			for (const ClassifierFilter &filter : list_filters(ifindex, direction)) {
				if (is_left_behind(filter, handle))
					each(ifindex, direction, filter);
			}
		}
	}
}

// Whichever run made it: the last filter of all takes it away.
bool clsact_is_ours(uint32_t ifindex)
{
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
		for (const ClassifierFilter &filter : list_filters(ifindex, direction)) {
			if (is_ours(filter) && (filter.handle & made_clsact))
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

ClsactHooks::ClsactHooks(const BpfObject &object, const PinFolder *pins)
    : object_(object), pins_(pins), handle_(pins ? handle_for(*pins) : own_handle), program_ids_(object.program_ids())
{
}

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

// Before the first filter: another run must never take a filter of this one for one that was left behind.
void ClsactHooks::show_signs_of_life()
{
	if (!signs_of_life_.empty())
		return;
	for (const auto &[program, id] : program_ids_)
		signs_of_life_.push_back(show_sign_of_life(id));
}

std::vector<std::string> ClsactHooks::attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					     bool frames_start_at_ip)
{
	const std::string place = name + " " + hook_name(direction);
	show_signs_of_life();
	const bool made = make_clsact(ifindex, place);
	const bool there = made || places_.contains({ifindex, direction == FLOW_INGRESS ? FLOW_EGRESS : FLOW_INGRESS});
	// In the place of clsact, `ingress` takes filters for egress too, and runs them on ingress.
	if (!there && !has_clsact(ifindex))
		throw Failure("bpf_tc_hook_create " + place, EEXIST, "another queueing discipline has its place");
	const uint32_t handle = handle_ | (made || clsact_is_ours(ifindex) ? made_clsact : 0);

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
	if (pins_)
		places_.clear();
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

std::set<HookPlace> ClsactHooks::take_over(const std::function<bool(uint32_t ifindex)> &frames_start_at_ip)
{
	show_signs_of_life();
	for_each_left_behind(handle_, [&](uint32_t ifindex, flow_direction direction, const ClassifierFilter &filter) {
		const char *program = program_for(direction, frames_start_at_ip(ifindex));
		const bpf_tc_hook hook = hook_of(ifindex, point_of(direction));
		LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = object_.program_descriptor(program),
			    .flags = BPF_TC_F_REPLACE, .handle = filter.handle, .priority = filter.preference);
		std::string log;
		const int error = quietly(log, [&] { return bpf_tc_attach(&hook, &options); });
		if (error == ENODEV)
			return;
		if (error)
			throw Failure(std::string("bpf_tc_attach ") + hook_name(direction), error, log);
		places_.emplace(ifindex, direction);
	});
	return places_;
}

void ClsactHooks::discard(const PinFolder &pins)
{
	for_each_left_behind(handle_for(pins), remove_filter);
}

std::vector<std::string> remove_left_filters()
{
	std::vector<std::string> removed;
	for_each_left_behind(
	    own_handle, [&](uint32_t ifindex, flow_direction direction, const ClassifierFilter &filter) {
		    remove_filter(ifindex, direction, filter);
		    char name[IF_NAMESIZE];
		    const std::string device = ::if_indextoname(ifindex, name) ? name : std::to_string(ifindex);
		    removed.push_back(device + " " + hook_name(direction));
	    });
	return removed;
}

} // namespace weir
