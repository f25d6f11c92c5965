// SPDX-License-Identifier: Apache-2.0
// With `tunnels: outer`: what was counted where it came in and then left through a tunnel device. The programs count it
// there once more, marked, in the overflow map; here it is taken off the flow's rows, in the same window, or in the
// next ones where the table was read while a packet was between the two devices. A connection that is translated on its
// way shows other addresses there than where it came in: both are told by its true ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "../bpf/flow.h"
#include "identity.h"
#include "overflow.h"
#include "true_ends.h"
#include "tunnels.h"
#include "window.h"

namespace weir
{

// What is still to be taken off a flow, as it is kept for a later process.
struct KeptDebt {
	flow_key flow;
	flow_amount amount;
	uint64_t windows;
};
static_assert(sizeof(KeptDebt) == 64);

class Forwarded
{
      public:
	// Takes the marked ones out of what was read; without a commit they are read again.
	void take(std::vector<OverflowFlow> &flows);
	// At the tunnel device these are what every packet is that counted elsewhere.
	void begin(Window &window, const Tunnels &tunnels, TrueEnds &true_ends);
	// How much of a row that came in, with these ends, went into a tunnel. A flow that did so with every packet
	// goes whole.
	flow_amount inside(const flow_key &ends, uint8_t direction, const flow_amount &row)
	{
		// Here, since it is asked for each row: nearly always there is nothing to look for.
		return open_.empty() || direction != FLOW_INGRESS ? flow_amount{} : take_off(ends, row);
	}

	// What debts are left when the window is committed, as far as there is room for them: what is beyond stays
	// flows should the process end.
	std::vector<KeptDebt> left(size_t most) const;
	void commit();
	// Of a process before.
	void take_over(const std::vector<KeptDebt> &debts);

      private:
	flow_amount take_off(const flow_key &ends, flow_amount row);
	// What came in under addresses that nobody could tell never comes.
	static constexpr uint32_t windows_to_wait = 12;

	struct Debt {
		flow_amount amount = {};
		uint32_t windows = 0; // since packets were added
	};
	struct Ends {
		flow_key key;
		Identity asked; // whether it is asked about again
		uint32_t windows = 0;
	};
	struct Less {
		bool operator()(const flow_key &left, const flow_key &right) const;
	};
	template <typename Value>
	using ByFlow = std::map<flow_key, Value, Less>;

	static bool is_over(const Debt &debt)
	{
		return debt.windows >= windows_to_wait;
	}
	void find_ends(Window &window, TrueEnds &true_ends);
	void move_debt(const flow_key &from, const flow_key &to);

	std::vector<OverflowFlow> seen_;
	ByFlow<Debt> debts_, open_; // by true ends: of the committed windows, and with the one that is read
	ByFlow<Ends> ends_;	    // of flows as they are seen at tunnel devices
};

} // namespace weir
