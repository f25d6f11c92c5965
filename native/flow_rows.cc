// SPDX-License-Identifier: Apache-2.0
// The half of FlowReader that makes rows of what was read: of flows that are known, and of new ones when all of them
// have been identified.
#include "flow_reader.h"

#include <utility>

namespace weir
{

namespace
{

// Far enough for memory to arrive, and near enough to be in the first-level cache still.
constexpr size_t flows_ahead = 16;

} // namespace

void FlowReader::add_row(const Columns &columns, Window &window, uint32_t index, flow_amount total)
{
	Known &known = known_[index];
	const flow_key &key = slots_[index].key;
	Translation *translation = known.identity.translated ? translations_.at(index).get() : nullptr;
	if (known.src == no_endpoint) {
		const Codes codes = codes_of(key, translation);
		known.src = codes.src;
		known.dst = codes.dst;
	}
	const flow_amount amount = {.bytes = total.bytes - known.bytes, .packets = total.packets - known.packets};
	const size_t rows_before = window.rows;
	window.add(columns, key,
		   {.src = known.src,
		    .dst = known.dst,
		    .identity = known.identity,
		    .amount = amount,
		    .inside = forwarded_.inside(translation ? translation->ends : key, key.direction, amount),
		    .translation = translation});
	pending_.emplace_back(total.bytes, total.packets, index, window.rows > rows_before);
	if (progress_)
		progress_->stage_slot(index, total);
}

void FlowReader::add_new_flows(const Columns &columns, const std::optional<OwnConnections> &own,
			       const std::vector<OverflowFlow> &overflow, Window &window)
{
	if (identifier_.identify(slots_, own, new_flows_))
		correct_identities(columns);
	if (const auto &failure = identifier_.roles().sockets_failure())
		window.sockets_failure = failure->what();
	window.nat_look_ups += identifier_.true_ends().look_ups();
	const size_t of_slots = new_flows_.size() - overflow.size();
	for (size_t at = 0; at < new_flows_.size(); at++) {
		NewFlow &flow = new_flows_[at];
		identifier_.roles().follow(flow.identity);
		if (at >= of_slots) {
			add_overflow(columns, window, flow, overflow[at - of_slots].amount);
			continue;
		}
		if (at + flows_ahead < of_slots) {
			const uint32_t slot = new_flows_[at + flows_ahead].slot;
			__builtin_prefetch(&slots_[slot]);
			__builtin_prefetch(&known_[slot]);
		}
		learn(flow);
		add_row(columns, window, flow.slot, total_of(flow.slot));
	}
	NewFlows().swap(new_flows_);
}

void FlowReader::add_overflow(const Columns &columns, Window &window, NewFlow &flow, flow_amount amount)
{
	const Codes codes = codes_of(*flow.key, flow.translation.get());
	window.add(columns, *flow.key,
		   {.src = codes.src,
		    .dst = codes.dst,
		    .identity = flow.identity,
		    .amount = amount,
		    .inside = forwarded_.inside(flow.true_ends(), flow.key->direction, amount),
		    .translation = flow.translation.get()});
}

void FlowReader::learn(NewFlow &flow)
{
	Known &known = known_[flow.slot];
	// It may have one: of a read that failed, or of a time when its true ends were not known.
	identifier_.roles().keep(flow.identity);
	identifier_.roles().release(known.identity);
	known.identity = flow.identity;
	known.identity.decided = !flow.identity.asks_again();
	known.identity.translated = flow.translation != nullptr;
	// Another translation, other codes.
	known.src = no_endpoint;
	if (flow.translation)
		translations_[flow.slot] = std::move(flow.translation);
}

// The true ends, where they are known; what the packets show gets its codes as well.
FlowReader::Codes FlowReader::codes_of(const flow_key &key, Translation *translation)
{
	if (translation == nullptr)
		return {.src = interner_.code(key.src), .dst = interner_.code(key.dst)};
	translation->wire_src = interner_.code(key.src);
	translation->wire_dst = interner_.code(key.dst);
	if (translation->dialled_differs)
		translation->dialled_code = interner_.code(translation->dialled);
	return {.src = interner_.code(translation->ends.src), .dst = interner_.code(translation->ends.dst)};
}

// Of all that is known, and of the rows that were written before the new flows were looked at: one for each pending
// slot that has one.
void FlowReader::correct_identities(const Columns &columns)
{
	for (Known &known : known_)
		identifier_.roles().follow(known.identity);
	size_t row = 0;
	for (const Pending &pending : pending_) {
		const Identity &identity = known_[pending.index].identity;
		if (!pending.has_row)
			continue;
		columns.initiator[row] = identity.initiator;
		columns.guessed[row] = identity.guessed;
		row++;
	}
}

void FlowReader::new_endpoint_epoch()
{
	interner_.clear();
	codes_are_stale_ = true;
}

// Not on the event loop, where an epoch begins.
void FlowReader::drop_stale_codes()
{
	if (!std::exchange(codes_are_stale_, false))
		return;
	for (Known &known : known_)
		known.src = no_endpoint;
}

void FlowReader::set_tunnels(TunnelList list)
{
	identifier_.set_tunnels(std::move(list));
	for (uint32_t index = 0; index < slots_.size(); index++)
		if (known_[index].identity.decided)
			identifier_.judge_tunnel(slots_[index].key, known_[index].identity);
}

} // namespace weir
