// SPDX-License-Identifier: Apache-2.0
// Reads the flow table through shared memory while programs count into it. Counters only grow, so a window is the
// difference to what was committed last; nothing is taken until the rows are committed. Slots that have been idle are
// freed in commit(): marked dead, a grace period, a last look, and only then given back.
//
// One call at a time, from any thread; row_bound() at any time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "../bpf/flow.h"
#include "file_descriptor.h"
#include "forwarded.h"
#include "huge_pages.h"
#include "identity.h"
#include "interner.h"
#include "loader.h"
#include "openings.h"
#include "overflow.h"
#include "progress.h"
#include "true_ends.h"
#include "window.h"

namespace weir
{

inline uint64_t load_counter(const __u64 &counter)
{
	return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

struct ReadOptions {
	uint32_t idle_windows;
	bool guess_ports;
	uint32_t sampling; // one packet in this many was counted: rows are scaled by it, and sums are not
	TunnelMode tunnel_mode;
};

class FlowReader
{
      public:
	// `progress` is of tables that outlive the process, else null. first_mask: of the table before it grew.
	// conntrack: none where packets are taken to show the true ends.
	FlowReader(const BpfObject &object, uint32_t max_slots, uint32_t first_mask, const ReadOptions &options,
		   NodeSockets sockets, std::shared_ptr<Conntrack> conntrack,
		   std::shared_ptr<const DevicePlaces> places, Progress *progress);

	// own: the connections of this process, to be left out. After a Failure there is nothing to commit, and the
	// next collect has all of it.
	Window collect(const Columns &columns, const std::optional<OwnConnections> &own);
	// Returns how many slots were freed. After a Failure the rows are committed all the same. The time is that of
	// the window's end, for who takes the table over.
	size_t commit(uint64_t window_end_ns);
	void new_endpoint_epoch();
	// Decides again for every flow that is known; between two collects.
	void set_tunnels(TunnelList list);
	size_t row_bound() const;
	const std::vector<Address> &endpoints() const
	{
		return interner_.addresses();
	}

      private:
	// What user space keeps of a slot: half a cache line, since a scan looks at one for each flow. What few flows
	// have is elsewhere, and the identity says so.
	struct alignas(32) Known {
		uint64_t bytes = 0;
		uint64_t packets = 0;
		uint32_t src = no_endpoint; // until the codes of this epoch are looked up
		uint32_t dst = no_endpoint;
		Identity identity;
	};
	static_assert(sizeof(Known) == 32);
	// Of endpoints.
	struct Codes {
		uint32_t src, dst;
	};
	struct Pending {
		// Number by number: a copy of all of them at once would have to wait until each is in the cache.
		Pending(uint64_t bytes, uint64_t packets, uint32_t index, bool has_row)
		    : bytes(bytes), packets(packets), index(index), has_row(has_row)
		{
		}
		uint64_t bytes, packets; // the totals
		uint32_t index;
		bool has_row;
	};

	void follow_mask();
	void take_over();
	Window read_window(const Columns &columns, const std::optional<OwnConnections> &own);
	void forget_window();
	void drop_stale_codes();
	void take_snapshot();
	flow_amount total_of(uint32_t index) const;
	void scan(const Columns &columns, const std::optional<OwnConnections> &own, size_t reserved, Window &window);
	uint32_t live_slots(uint32_t first, uint32_t count, uint32_t *live) const;
	void note_new(const std::optional<OwnConnections> &own, uint32_t index);
	std::vector<OverflowFlow> read_overflow(const Columns &columns, Window &window);
	void add_row(const Columns &columns, Window &window, uint32_t index, flow_amount total);
	void take_overflow(const std::optional<OwnConnections> &own, const std::vector<OverflowFlow> &flows);
	void add_new_flows(const Columns &columns, const std::optional<OwnConnections> &own,
			   const std::vector<OverflowFlow> &overflow, Window &window);
	void add_overflow(const Columns &columns, Window &window, NewFlow &flow, flow_amount amount);
	void learn(NewFlow &flow);
	void correct_identities(const Columns &columns);
	Codes codes_of(const flow_key &key, Translation *translation);
	bool crowded() const;
	uint32_t idle_limit() const;
	bool may_free(uint32_t index);
	bool mark_dead(uint32_t index);
	bool free_slot(uint32_t index);
	void give_back(uint32_t index);
	void empty_overflow();

	int slots_descriptor_;
	uint32_t max_slots_;
	uint32_t idle_windows_;
	uint32_t sampling_;
	MapView<flow_control> control_;
	MapView<flow_slot> slots_;
	Overflow overflow_;
	Openings openings_;
	Identifier identifier_;
	bool follows_into_tunnels_;
	HugeVector<flow_amount> snapshot_; // totals by slot
	Forwarded forwarded_;
	Interner interner_;
	bool codes_are_stale_ = false; // those that are known belong to an epoch before
	HugeVector<Known> known_;
	std::unordered_map<uint32_t, std::unique_ptr<Translation>> translations_; // by slot
	HugeVector<Pending> pending_;
	NewFlows new_flows_;
	std::vector<uint32_t> idle_;
	bool overflow_written_ = false;	  // its flows are rows of the window
	bool overflow_committed_ = false; // and it is not emptied yet
	Progress *progress_;
};

} // namespace weir
