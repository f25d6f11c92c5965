// SPDX-License-Identifier: Apache-2.0
#include "device_table.h"

#include <algorithm>
#include <iterator>
#include <string>

#include <bpf/bpf.h>

#include "failure.h"

namespace weir
{

namespace
{
constexpr uint16_t iface_of(uint32_t ifindex)
{
	return static_cast<uint16_t>(ifindex & (DEVICE_SLOTS - 1));
}

constexpr uint8_t bit_of(flow_direction direction)
{
	return static_cast<uint8_t>(1u << direction);
}
} // namespace

DeviceTable::DeviceTable(int devices_descriptor, int ledger_descriptor)
    : devices_descriptor_(devices_descriptor), ledger_descriptor_(ledger_descriptor)
{
}

DeviceTable::Entry &DeviceTable::claim(uint32_t ifindex)
{
	Entry &entry = entries_[iface_of(ifindex)];
	if (entry.ifindex != ifindex && (entry.counted || entry.covered))
		throw Failure("device " + std::to_string(ifindex), EEXIST,
			      "device " + std::to_string(entry.ifindex) + " has the same lower 16 bits");
	entry.ifindex = ifindex;
	return entry;
}

void DeviceTable::publish(uint16_t iface, const Entry &entry) const
{
	const auto row = rows_.find(iface);
	const device value = {
	    .ifindex = entry.ifindex,
	    .ledger_row = row == rows_.end() ? uint16_t{0} : row->second,
	    .covered = entry.covered,
	    .counted = entry.counted,
	};
	const uint32_t key = iface;
	if (bpf_map_update_elem(devices_descriptor_, &key, &value, BPF_ANY))
		throw Failure("bpf_map_update_elem devices", errno);
}

bool DeviceTable::add(uint32_t ifindex, flow_direction direction)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	const uint16_t iface = iface_of(ifindex);
	// Row 0 takes what comes from a device that is not in the table.
	if (!rows_.contains(iface) && rows_.size() + 1 >= LEDGER_INTERFACES)
		throw Failure("device " + std::to_string(ifindex), ENOSPC, "too many interfaces");
	Entry &entry = claim(ifindex);
	rows_.try_emplace(iface, static_cast<uint16_t>(rows_.size() + 1));
	const uint8_t before = entry.counted;
	entry.counted |= bit_of(direction);
	publish(iface, entry);
	return entry.counted != before;
}

void DeviceTable::remove(uint32_t ifindex, flow_direction direction)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	const auto found = entries_.find(iface_of(ifindex));
	if (found == entries_.end() || found->second.ifindex != ifindex || !(found->second.counted & bit_of(direction)))
		return;
	found->second.counted &= static_cast<uint8_t>(~bit_of(direction));
	publish(found->first, found->second);
}

void DeviceTable::set_covered(const std::vector<uint32_t> &ifindexes)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	for (auto &[iface, entry] : entries_) {
		const bool keep = std::find(ifindexes.begin(), ifindexes.end(), entry.ifindex) != ifindexes.end();
		if (!entry.covered || keep)
			continue;
		entry.covered = false;
		publish(iface, entry);
	}
	for (const uint32_t ifindex : ifindexes) {
		Entry &entry = claim(ifindex);
		entry.covered = true;
		publish(iface_of(ifindex), entry);
	}
}

std::vector<LedgerEntry> DeviceTable::read_ledger() const
{
	const std::lock_guard<std::mutex> guard(mutex_);
	std::vector<LedgerEntry> entries;
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
		for (const auto &[iface, row] : rows_)
			entries.push_back(read_entry(iface, row, direction));
		const LedgerEntry unknown = read_entry(0, 0, direction);
		const auto &amounts = unknown.amounts.amounts;
		if (std::any_of(std::begin(amounts), std::end(amounts),
				[](const flow_amount &amount) { return amount.packets > 0; }))
			entries.push_back(unknown);
	}
	return entries;
}

LedgerEntry DeviceTable::read_entry(uint16_t iface, uint16_t row, flow_direction direction) const
{
	LedgerEntry entry = {.iface = iface, .direction = direction, .amounts = {}};
	const uint32_t key = static_cast<uint32_t>(row) * 2 + direction;
	if (bpf_map_lookup_elem(ledger_descriptor_, &key, &entry.amounts))
		throw Failure("bpf_map_lookup_elem ledger", errno);
	return entry;
}

} // namespace weir
