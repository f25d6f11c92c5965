// SPDX-License-Identifier: Apache-2.0
// The last of pins that do not fit: what differs, and what they had counted and not committed.
#include "pins.h"

#include <set>

#include "grace_period.h"
#include "hooks.h"
#include "overflow.h"
#include "progress.h"

namespace weir
{

namespace
{

// What the numbers in the maps mean, and which maps there are; as opposed to settings.
bool is_layout(const std::string &line)
{
	return line == "layout" || line.starts_with("map ");
}

} // namespace

// The programs first, so that the sums are the last word. Where the meaning of the numbers has changed, nobody knows
// it.
Refused PinnedMaps::refuse(const Lines &before) const
{
	Refused refused;
	bool same_layout = true;
	std::set<std::string> names;
	for (const Lines *lines : {&before, &description_}) {
		for (const auto &[name, value] : *lines)
			names.insert(name);
	}
	for (const std::string &name : names) {
		const auto then = before.find(name), now = description_.find(name);
		const std::string was = then == before.end() ? "nothing" : then->second;
		const std::string is = now == description_.end() ? "nothing" : now->second;
		if (was == is)
			continue;
		same_layout = same_layout && !is_layout(name);
		if (name != constants_line)
			refused.differences.push_back(name + ": " + was + " before, " + is + " now");
	}
	if (refused.differences.empty())
		refused.differences.push_back(constants_line);
	discard_hooks(folder_);
	wait_for_running_programs();
	if (!same_layout)
		return refused;

	const FileDescriptor slots = folder_.open("map_flow_slots"), control = folder_.open("map__data_control");
	const FileDescriptor overflow[] = {folder_.open("map_overflow_0"), folder_.open("map_overflow_1")};
	const FileDescriptor known_names = folder_.open(device_names_pin);
	const uint32_t entries = info_of(slots.get()).max_entries;
	const MapView<flow_slot> table(slots.get(), entries, "flow_slots");
	Progress progress(*this, entries, false);
	progress.map_slots(entries);
	auto &amounts = refused.amounts.emplace();
	const auto add = [&](const flow_key &key, uint64_t bytes, uint64_t packets) {
		if (packets == 0)
			return;
		flow_amount &sum = amounts[{key.iface, key.direction}];
		sum.bytes += bytes;
		sum.packets += packets;
	};
	for (uint32_t index = 0; index < entries; index++) {
		const flow_slot &slot = table[index];
		if (slot.state == SLOT_READY || slot.state == SLOT_DEAD)
			add(slot.key, slot.bytes - progress.slot(index).bytes,
			    slot.packets - progress.slot(index).packets);
	}
	const Overflow maps(overflow[0].get(), overflow[1].get());
	for (const uint32_t generation : {0, 1}) {
		if (progress.overflow_is_committed(generation))
			continue;
		for (const OverflowFlow &flow : maps.flows(generation))
			add(flow.key, flow.amount.bytes, flow.amount.packets);
	}
	DeviceName value;
	for (const auto &[place, amount] : amounts) {
		const uint32_t key = place.first;
		if (bpf_map_lookup_elem(known_names.get(), &key, &value) == 0)
			refused.names.push_back(value);
	}
	return refused;
}

} // namespace weir
