// SPDX-License-Identifier: Apache-2.0
// With `tunnels: outer`: what was counted where it came in and then left through a tunnel device. The programs count it
// there once more, marked, in the overflow map; here it is taken off the flow's rows, in the same window, or in the
// next ones where the table was read while a packet was between the two devices.
#pragma once

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <linux/if_ether.h>

#include "../bpf/flow.h"
#include "overflow.h"
#include "tunnels.h"
#include "window.h"

namespace weir
{

class Forwarded
{
      public:
	// Takes the marked ones out of what was read; without a commit they are read again.
	void take(std::vector<OverflowFlow> &flows)
	{
		const auto first = std::stable_partition(flows.begin(), flows.end(), [](const OverflowFlow &flow) {
			return !(flow.key.direction & FLOW_INTO_TUNNEL);
		});
		seen_.assign(first, flows.end());
		flows.erase(first, flows.end());
	}

	// At the tunnel device these are what every packet is that counted elsewhere.
	void begin(Window &window, const Tunnels &tunnels)
	{
		open_ = debts_;
		for (const OverflowFlow &flow : seen_) {
			window.sums.add(flow.key.iface, FLOW_EGRESS, LEFT_OUT_ELSEWHERE, flow.amount);
			Debt &debt = open_[flow_of(flow.key)];
			debt.amount.packets += flow.amount.packets;
			// Where it came in it had an Ethernet header.
			debt.amount.bytes +=
			    flow.amount.bytes +
			    (tunnels.starts_at_ip(flow.key.iface) ? flow.amount.packets * ETH_HLEN : 0);
			debt.windows = 0;
		}
	}

	// How much of a row that came in went into a tunnel. A flow that did so with every packet goes whole.
	flow_amount inside(const flow_key &key, const flow_amount &row)
	{
		if (open_.empty() || key.direction != FLOW_INGRESS)
			return {};
		const auto found = open_.find(flow_of(key));
		if (found == open_.end())
			return {};
		flow_amount &debt = found->second.amount;
		const bool whole = debt.packets >= row.packets;
		const flow_amount taken = {.bytes = whole ? row.bytes : std::min(debt.bytes, row.bytes),
					   .packets = whole ? row.packets : debt.packets};
		debt.packets -= taken.packets;
		debt.bytes -= std::min(debt.bytes, taken.bytes);
		if (debt.packets == 0)
			open_.erase(found);
		return taken;
	}

	void commit()
	{
		seen_.clear();
		for (auto &[flow, debt] : open_)
			debt.windows++;
		std::erase_if(open_, [](const auto &entry) { return entry.second.windows > windows_to_wait; });
		debts_ = std::exchange(open_, {});
	}

      private:
	// A flow under other addresses where it came in (translated on its way) never comes.
	static constexpr uint32_t windows_to_wait = 12;

	struct Debt {
		flow_amount amount = {};
		uint32_t windows = 0;
	};
	struct Less {
		bool operator()(const flow_key &left, const flow_key &right) const
		{
			return std::lexicographical_compare(std::begin(left.words), std::end(left.words),
							    std::begin(right.words), std::end(right.words));
		}
	};

	// The same wherever it is counted.
	static flow_key flow_of(flow_key key)
	{
		key.iface = 0;
		key.direction = 0;
		return key;
	}

	std::vector<OverflowFlow> seen_;
	std::map<flow_key, Debt, Less> debts_, open_; // of the committed windows, and with the one that is read
};

} // namespace weir
