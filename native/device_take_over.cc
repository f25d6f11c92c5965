// SPDX-License-Identifier: Apache-2.0
// The half of DeviceTable that outlives a process: devices of the one before, and how much of the ledger is committed.
#include "device_table.h"

#include <algorithm>
#include <vector>

#include <bpf/bpf.h>

#include "failure.h"
#include "progress.h"

namespace weir
{

void DeviceTable::take_over(const std::set<std::pair<uint32_t, flow_direction>> &hanging)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	std::vector<uint32_t> keys(DEVICE_SLOTS);
	std::vector<device> values(DEVICE_SLOTS);
	uint32_t count = DEVICE_SLOTS, next = 0;
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	if (bpf_map_lookup_batch(devices_descriptor_, nullptr, &next, keys.data(), values.data(), &count, &options) &&
	    errno != ENOENT) // ENOENT: that was the last of them
		throw Failure("bpf_map_lookup_batch devices", errno);
	unknown_before_ = committed_row(0);
	for (uint32_t i = 0; i < count; i++) {
		const device &value = values[i];
		if (value.ifindex == 0)
			continue;
		// Until this process knows its own tunnels.
		if (value.counted & DEVICE_TUNNEL)
			tunnels_.insert(value.ifindex);
		const auto iface = static_cast<uint16_t>(keys[i]);
		Entry &entry = entries_[iface];
		entry = {.ifindex = value.ifindex,
			 .counted = 0,
			 .covered = value.covered != 0,
			 .frames_start_at_ip = (value.counted & DEVICE_STARTS_AT_IP) != 0};
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
			if (hanging.contains({value.ifindex, direction}))
				entry.counted |= bit_of(direction);
		}
		if (value.ledger_row != 0) {
			accounts_[iface] = {.row = value.ledger_row, .before_row = committed_row(value.ledger_row)};
			rows_used_ = std::max<uint16_t>(rows_used_, value.ledger_row + 1);
			if (!entry.counted)
				removed_.push_back(iface);
		}
		publish(iface, entry);
	}
}

bool DeviceTable::frames_start_at_ip(uint32_t ifindex) const
{
	const uint32_t key = iface_of(ifindex);
	device value = {};
	if (bpf_map_lookup_elem(devices_descriptor_, &key, &value))
		throw Failure("bpf_map_lookup_elem devices", errno);
	return (value.counted & DEVICE_STARTS_AT_IP) != 0;
}

// Nothing before the first process.
DeviceTable::Amounts DeviceTable::committed_row(uint16_t row) const
{
	Amounts amounts = {};
	if (progress_)
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS})
			amounts[direction] = progress_->ledger(static_cast<uint32_t>(row) * 2 + direction);
	return amounts;
}

void DeviceTable::stage_row(uint16_t row, const Amounts &amounts) const
{
	if (progress_)
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS})
			progress_->stage_ledger(static_cast<uint32_t>(row) * 2 + direction, amounts[direction]);
}

} // namespace weir
