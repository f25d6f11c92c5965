// SPDX-License-Identifier: Apache-2.0
// The devices that programs know by index: which are covered, and the ledger row of each attached one. Rows are given
// to other devices when they run out; what is read out only grows all the same.
// Any call from any thread at any time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "../bpf/flow.h"

namespace weir
{

class Progress;

constexpr uint16_t iface_of(uint32_t ifindex)
{
	return static_cast<uint16_t>(ifindex & (DEVICE_SLOTS - 1));
}

constexpr uint8_t bit_of(flow_direction direction)
{
	return static_cast<uint8_t>(1u << direction);
}

struct LedgerEntry {
	uint16_t iface;
	flow_direction direction;
	ledger_row amounts;
};

class DeviceTable
{
      public:
	// `progress` is of tables that outlive the process, else null.
	DeviceTable(int devices_descriptor, int ledger_descriptor, Progress *progress);

	// Goes on with the devices of a process before: what the ledger has grown by since its last committed window
	// comes with the next reading. Where no program hangs any more, the device stays known for its figures alone.
	void take_over(const std::set<std::pair<uint32_t, flow_direction>> &hanging);
	bool frames_start_at_ip(uint32_t ifindex) const;

	// Gives the device a ledger row and lets it count in this direction; false when it did already. Throws Failure
	// with EEXIST when another one has the same lower 16 bits.
	bool add(uint32_t ifindex, flow_direction direction, bool frames_start_at_ip);
	// The last direction frees the lower 16 bits for another device. Until one comes, programs that still run find
	// this one.
	void remove(uint32_t ifindex, flow_direction direction);
	// Replaces the whole set. Throws Failure with EEXIST as add() does; the set is then not complete.
	void set_covered(const std::vector<uint32_t> &ifindexes);
	// Replaces the whole set: what is forwarded into these is put down by flow (tunnels: outer).
	void set_tunnels(const std::set<uint32_t> &ifindexes);
	// Both directions of every attached device; of those that were, what was not reported yet; and what came from
	// unknown ones as iface 0, if there is any.
	std::vector<LedgerEntry> read_ledger();
	// These have reached their reader.
	void reported(const std::vector<LedgerEntry> &entries);

      private:
	using Amounts = std::array<ledger_row, 2>; // by direction
	struct Entry {
		uint32_t ifindex = 0;
		uint8_t counted = 0; // bit per flow_direction
		bool covered = false;
		bool frames_start_at_ip = false;
	};
	// Of one iface value, as long as the process lives.
	struct Account {
		uint16_t row = 0;	 // 0: another has it now
		Amounts before_row = {}; // what the row held when it was given to this one
		Amounts in_former_rows = {};
		Amounts reported = {};
	};
	Entry &claim(uint32_t ifindex);
	void give_row(uint16_t iface);
	uint16_t take_row();
	void publish(uint16_t iface, const Entry &entry) const;
	bool attached(uint16_t iface) const;
	Amounts amounts_of(const Account &account, const Amounts &row) const;
	Amounts read_row(uint16_t row) const;
	Amounts committed_row(uint16_t row) const;
	void stage_row(uint16_t row, const Amounts &amounts) const;

	int devices_descriptor_;
	int ledger_descriptor_;
	Progress *progress_;
	Amounts unknown_before_ = {}; // what row 0 held when this process began
	mutable std::mutex mutex_;
	std::map<uint16_t, Entry> entries_;
	std::map<uint16_t, Account> accounts_;
	std::deque<uint16_t> removed_; // in this order; some of them may be attached again
	std::set<uint32_t> tunnels_;
	uint16_t rows_used_ = 1; // row 0 takes what comes from a device that is not in the table
};

} // namespace weir
