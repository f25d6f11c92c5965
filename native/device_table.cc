// SPDX-License-Identifier: Apache-2.0
#include "device_table.h"

#include <algorithm>
#include <string>

#include <bpf/bpf.h>

#include "failure.h"

namespace weir {

namespace {
constexpr uint16_t iface_of(uint32_t ifindex)
{
	return static_cast<uint16_t>(ifindex & (DEVICE_SLOTS - 1));
}
} // namespace

DeviceTable::DeviceTable(int devices_descriptor, int ledger_descriptor)
    : devices_descriptor_(devices_descriptor), ledger_descriptor_(ledger_descriptor)
{
}

DeviceTable::Entry &DeviceTable::claim(uint32_t ifindex)
{
	Entry &entry = entries_[iface_of(ifindex)];
	if (entry.ifindex != 0 && entry.ifindex != ifindex)
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
	};
	const uint32_t key = iface;
	if (bpf_map_update_elem(devices_descriptor_, &key, &value, BPF_ANY))
		throw Failure("bpf_map_update_elem devices", errno);
}

void DeviceTable::add(uint32_t ifindex)
{
	const uint16_t iface = iface_of(ifindex);
	Entry &entry = claim(ifindex);
	entry.attached = true;
	// Row 0 is nobody's.
	if (!rows_.contains(iface)) {
		if (rows_.size() + 1 >= LEDGER_INTERFACES)
			throw Failure("device " + std::to_string(ifindex), ENOSPC, "too many interfaces");
		rows_[iface] = static_cast<uint16_t>(rows_.size() + 1);
	}
	publish(iface, entry);
}

void DeviceTable::remove(uint32_t ifindex)
{
	const auto found = entries_.find(iface_of(ifindex));
	if (found == entries_.end() || found->second.ifindex != ifindex)
		return;
	found->second.attached = false;
	if (!found->second.covered)
		found->second.ifindex = 0;
	publish(found->first, found->second);
}

void DeviceTable::set_covered(const std::vector<uint32_t> &ifindexes)
{
	for (auto &[iface, entry] : entries_) {
		const bool keep = std::find(ifindexes.begin(), ifindexes.end(), entry.ifindex) != ifindexes.end();
		if (!entry.covered || keep)
			continue;
		entry.covered = false;
		if (!entry.attached)
			entry.ifindex = 0;
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
	std::vector<LedgerEntry> entries;
	for (const auto &[iface, row] : rows_) {
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
			LedgerEntry entry = {.iface = iface, .direction = direction, .amounts = {}};
			const uint32_t key = static_cast<uint32_t>(row) * 2 + direction;
			if (bpf_map_lookup_elem(ledger_descriptor_, &key, &entry.amounts))
				throw Failure("bpf_map_lookup_elem ledger", errno);
			entries.push_back(entry);
		}
	}
	return entries;
}

} // namespace weir
