// SPDX-License-Identifier: Apache-2.0
#include "forwarded.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include <linux/if_ether.h>

namespace weir
{

namespace
{

// The same wherever it is counted.
flow_key flow_of(flow_key key)
{
	key.iface = 0;
	key.direction = 0;
	return key;
}

} // namespace

bool Forwarded::Less::operator()(const flow_key &left, const flow_key &right) const
{
	return std::lexicographical_compare(std::begin(left.words), std::end(left.words), std::begin(right.words),
					    std::end(right.words));
}

void Forwarded::take(std::vector<OverflowFlow> &flows)
{
	const auto first = std::stable_partition(flows.begin(), flows.end(), [](const OverflowFlow &flow) {
		return !(flow.key.direction & FLOW_INTO_TUNNEL);
	});
	seen_.assign(first, flows.end());
	flows.erase(first, flows.end());
}

void Forwarded::begin(Window &window, const Tunnels &tunnels, TrueEnds &true_ends)
{
	find_ends(window, true_ends);
	open_ = debts_;
	for (const OverflowFlow &flow : seen_) {
		window.sums.add(flow.key.iface, FLOW_EGRESS, LEFT_OUT_ELSEWHERE, flow.amount);
		Debt &debt = open_[ends_.at(flow_of(flow.key)).key];
		debt.amount.packets += flow.amount.packets;
		// Where it came in it had an Ethernet header.
		debt.amount.bytes +=
		    flow.amount.bytes + (tunnels.starts_at_ip(flow.key.iface) ? flow.amount.packets * ETH_HLEN : 0);
		debt.windows = 0;
	}
}

// Asks about those that are new, and again about those that nobody knew. Until they are known they are as they are
// seen.
void Forwarded::find_ends(Window &window, TrueEnds &true_ends)
{
	NewFlows asked;
	std::deque<flow_key> keys; // of these, which stay where they are
	for (const OverflowFlow &flow : seen_) {
		flow_key key = flow.key;
		key.direction = FLOW_EGRESS;
		const auto [known, is_new] = ends_.try_emplace(flow_of(key), Ends{.key = flow_of(key), .asked = {}});
		known->second.windows = 0;
		if (is_new || known->second.asked.asks_again())
			asked.push_back(
			    {.key = &keys.emplace_back(key), .slot = no_slot, .identity = known->second.asked});
	}
	if (asked.empty())
		return;
	true_ends.find(asked);
	window.nat_look_ups += true_ends.look_ups();
	for (const NewFlow &flow : asked) {
		Ends &ends = ends_.at(flow_of(*flow.key));
		ends.asked = flow.identity;
		move_debt(ends.key, flow_of(flow.true_ends()));
		ends.key = flow_of(flow.true_ends());
	}
}

void Forwarded::move_debt(const flow_key &from, const flow_key &to)
{
	const auto found = debts_.find(from);
	if (same_key(from.words, to.words) || found == debts_.end())
		return;
	Debt &debt = debts_[to];
	debt.amount.bytes += found->second.amount.bytes;
	debt.amount.packets += found->second.amount.packets;
	debts_.erase(found);
}

flow_amount Forwarded::take_off(const flow_key &ends, flow_amount row)
{
	const auto found = open_.find(flow_of(ends));
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

std::vector<KeptDebt> Forwarded::left(size_t most) const
{
	std::vector<KeptDebt> kept;
	for (const auto &[flow, debt] : open_) {
		if (kept.size() == most)
			break;
		if (!is_over(debt))
			kept.push_back({.flow = flow, .amount = debt.amount, .windows = debt.windows + 1});
	}
	return kept;
}

void Forwarded::commit()
{
	seen_.clear();
	std::erase_if(open_, [](const auto &entry) { return is_over(entry.second); });
	for (auto &[flow, debt] : open_)
		debt.windows++;
	debts_ = std::exchange(open_, {});
	std::erase_if(ends_, [](const auto &entry) { return entry.second.windows >= windows_to_wait; });
	for (auto &[flow, ends] : ends_)
		ends.windows++;
}

void Forwarded::take_over(const std::vector<KeptDebt> &debts)
{
	for (const KeptDebt &debt : debts)
		debts_[debt.flow] = {.amount = debt.amount, .windows = static_cast<uint32_t>(debt.windows)};
}

} // namespace weir
