// SPDX-License-Identifier: Apache-2.0
#include "device_table.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include <bpf/bpf.h>

#include "failure.h"
#include "progress.h"

namespace weir
{

namespace
{
using Amounts = std::array<ledger_row, 2>;

template <typename Combine>
Amounts combine(const Amounts &left, const Amounts &right, Combine each)
{
	Amounts result;
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS})
		for (int reason = 0; reason < LEDGER_REASONS; reason++) {
			const flow_amount &a = left[direction].amounts[reason], &b = right[direction].amounts[reason];
			result[direction].amounts[reason] = {.bytes = each(a.bytes, b.bytes),
							     .packets = each(a.packets, b.packets)};
		}
	return result;
}

Amounts growth(const Amounts &now, const Amounts &before)
{
	return combine(now, before, [](uint64_t a, uint64_t b) { return a - b; });
}

Amounts sum(const Amounts &left, const Amounts &right)
{
	return combine(left, right, [](uint64_t a, uint64_t b) { return a + b; });
}

bool differ(const ledger_row &left, const ledger_row &right)
{
	return std::memcmp(&left, &right, sizeof(left)) != 0;
}
} // namespace

DeviceTable::DeviceTable(int devices_descriptor, int ledger_descriptor, Progress *progress)
    : devices_descriptor_(devices_descriptor), ledger_descriptor_(ledger_descriptor), progress_(progress)
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

// The devices map keeps a row for as long as no other device has it, also while programs of a removed one still run.
void DeviceTable::publish(uint16_t iface, const Entry &entry) const
{
	const auto account = accounts_.find(iface);
	const device value = {
	    .ifindex = entry.ifindex,
	    .ledger_row = account == accounts_.end() ? uint16_t{0} : account->second.row,
	    .covered = entry.covered,
	    .counted = static_cast<uint8_t>(entry.counted | (entry.frames_start_at_ip ? DEVICE_STARTS_AT_IP : 0) |
					    (tunnels_.contains(entry.ifindex) ? DEVICE_TUNNEL : 0)),
	};
	const uint32_t key = iface;
	if (bpf_map_update_elem(devices_descriptor_, &key, &value, BPF_ANY))
		throw Failure("bpf_map_update_elem devices", errno);
}

bool DeviceTable::attached(uint16_t iface) const
{
	const auto found = entries_.find(iface);
	return found != entries_.end() && found->second.counted != 0;
}

// A row that was never used, else that of the device that went first.
uint16_t DeviceTable::take_row()
{
	if (rows_used_ < LEDGER_INTERFACES)
		return rows_used_++;
	while (!removed_.empty()) {
		const uint16_t iface = removed_.front();
		removed_.pop_front();
		Account &account = accounts_[iface];
		if (attached(iface) || account.row == 0)
			continue;
		account.in_former_rows = amounts_of(account, read_row(account.row));
		const uint16_t row = std::exchange(account.row, uint16_t{0});
		publish(iface, entries_[iface]);
		return row;
	}
	return 0;
}

void DeviceTable::give_row(uint16_t iface)
{
	Account &account = accounts_[iface];
	if (account.row != 0)
		return;
	account.row = take_row();
	if (account.row == 0)
		throw Failure("device " + std::to_string(entries_[iface].ifindex), ENOSPC, "too many interfaces");
	account.before_row = read_row(account.row);
}

bool DeviceTable::add(uint32_t ifindex, flow_direction direction, bool frames_start_at_ip)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	const uint16_t iface = iface_of(ifindex);
	Entry &entry = claim(ifindex);
	give_row(iface);
	const uint8_t before = entry.counted;
	entry.counted |= bit_of(direction);
	entry.frames_start_at_ip = frames_start_at_ip;
	publish(iface, entry);
	return entry.counted != before;
}

void DeviceTable::remove(uint32_t ifindex, flow_direction direction)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	const uint16_t iface = iface_of(ifindex);
	const auto found = entries_.find(iface);
	if (found == entries_.end() || found->second.ifindex != ifindex || !(found->second.counted & bit_of(direction)))
		return;
	found->second.counted &= static_cast<uint8_t>(~bit_of(direction));
	publish(iface, found->second);
	if (found->second.counted)
		return;
	std::erase(removed_, iface);
	removed_.push_back(iface);
}

void DeviceTable::set_covered(const std::vector<uint32_t> &ifindexes)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	const std::unordered_set<uint32_t> wanted(ifindexes.begin(), ifindexes.end());
	for (auto &[iface, entry] : entries_) {
		if (!entry.covered || wanted.contains(entry.ifindex))
			continue;
		entry.covered = false;
		publish(iface, entry);
	}
	for (const uint32_t ifindex : ifindexes) {
		Entry &entry = claim(ifindex);
		if (std::exchange(entry.covered, true))
			continue;
		publish(iface_of(ifindex), entry);
	}
}

void DeviceTable::set_tunnels(const std::set<uint32_t> &ifindexes)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	tunnels_ = ifindexes;
	for (const auto &[iface, entry] : entries_)
		publish(iface, entry);
}

std::vector<LedgerEntry> DeviceTable::read_ledger()
{
	const std::lock_guard<std::mutex> guard(mutex_);
	std::vector<LedgerEntry> entries;
	for (const auto &[iface, account] : accounts_) {
		const Amounts row_now = account.row == 0 ? Amounts{} : read_row(account.row);
		if (account.row != 0)
			stage_row(account.row, row_now);
		const Amounts amounts = amounts_of(account, row_now);
		for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS})
			if (attached(iface) || differ(amounts[direction], account.reported[direction]))
				entries.push_back(
				    {.iface = iface, .direction = direction, .amounts = amounts[direction]});
	}
	const Amounts unknown_row = read_row(0);
	stage_row(0, unknown_row);
	const Amounts unknown = growth(unknown_row, unknown_before_);
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS})
		if (differ(unknown[direction], {}))
			entries.push_back({.iface = 0, .direction = direction, .amounts = unknown[direction]});
	return entries;
}

void DeviceTable::reported(const std::vector<LedgerEntry> &entries)
{
	const std::lock_guard<std::mutex> guard(mutex_);
	for (const LedgerEntry &entry : entries) {
		const auto account = accounts_.find(entry.iface);
		if (account != accounts_.end())
			account->second.reported[entry.direction] = entry.amounts;
	}
}

DeviceTable::Amounts DeviceTable::amounts_of(const Account &account, const Amounts &row) const
{
	return account.row == 0 ? account.in_former_rows : sum(account.in_former_rows, growth(row, account.before_row));
}

DeviceTable::Amounts DeviceTable::read_row(uint16_t row) const
{
	Amounts amounts;
	for (const flow_direction direction : {FLOW_INGRESS, FLOW_EGRESS}) {
		const uint32_t key = static_cast<uint32_t>(row) * 2 + direction;
		if (bpf_map_lookup_elem(ledger_descriptor_, &key, &amounts[direction]))
			throw Failure("bpf_map_lookup_elem ledger", errno);
	}
	return amounts;
}

} // namespace weir
