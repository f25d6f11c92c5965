// SPDX-License-Identifier: Apache-2.0
// The devices that programs know by index: which are covered, and the ledger row of each attached one.
// Any call from any thread at any time.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "../bpf/flow.h"

namespace weir
{

struct LedgerEntry {
	uint16_t iface;
	flow_direction direction;
	ledger_row amounts;
};

class DeviceTable
{
      public:
	DeviceTable(int devices_descriptor, int ledger_descriptor);

	// Gives the device a ledger row and lets it count in this direction; false when it did already. Throws Failure
	// with EEXIST when another one has the same lower 16 bits.
	bool add(uint32_t ifindex, flow_direction direction);
	// The last direction frees the lower 16 bits for another device. Until one comes, programs that still run find
	// this one.
	void remove(uint32_t ifindex, flow_direction direction);
	// Replaces the whole set. Throws Failure with EEXIST as add() does; the set is then not complete.
	void set_covered(const std::vector<uint32_t> &ifindexes);
	// Both directions of every device that was ever added, and what came from unknown ones as iface 0, if there is
	// any.
	std::vector<LedgerEntry> read_ledger() const;

      private:
	struct Entry {
		uint32_t ifindex = 0;
		uint8_t counted = 0; // bit per flow_direction
		bool covered = false;
	};
	Entry &claim(uint32_t ifindex);
	void publish(uint16_t iface, const Entry &entry) const;
	LedgerEntry read_entry(uint16_t iface, uint16_t row, flow_direction direction) const;

	int devices_descriptor_;
	int ledger_descriptor_;
	mutable std::mutex mutex_;
	std::map<uint16_t, Entry> entries_;
	std::map<uint16_t, uint16_t> rows_;
};

} // namespace weir
