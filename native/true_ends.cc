// SPDX-License-Identifier: Apache-2.0
#include "true_ends.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <unistd.h>

#include "failure.h"
#include "identity.h"
#include "sights.h"
#include "wanted_flows.h"

namespace weir
{

namespace
{

// Flows of one collect that are looked up, at some 4 us each and twice that where the answer is found the other way
// round. Above, a list of all that is translated costs less a flow, however many there are (bench/nat.ts).
constexpr size_t look_up_budget = 8192;
// A list that changed under the reader is read again.
constexpr int list_attempts = 3;

// nf_nat is a module that needs nf_conntrack, or as much a part of the kernel. What is built in has no initstate, and
// nf_conntrack is seen all the same since it has parameters. The answer changes when a module is loaded.
bool kernel_translates()
{
	const auto exists = [](const char *path) { return ::access(path, F_OK) == 0; };
	if (!exists("/sys/module"))
		return true;
	return exists("/sys/module/nf_conntrack") &&
	       (!exists("/sys/module/nf_conntrack/initstate") || exists("/sys/module/nf_nat"));
}

} // namespace

void TrueEnds::find(NewFlows &flows)
{
	look_ups_ = {};
	if (!conntrack_ || flows.empty() || !kernel_translates())
		return;
	findings_.assign(flows.size(), Finding::not_asked);
	std::map<uint32_t, Questions> by_base;
	for (uint32_t index = 0; index < flows.size(); index++) {
		const flow_key &key = *flows[index].key;
		if (flows[index].identity.disposition != LEAVES)
			continue;
		Questions &questions = by_base[places_->base_of(key.iface)];
		if (is_icmp(key.transport) && is_query(key))
			questions.by_list.push_back(index);
		// A fragment whose first part was not seen shows no ports.
		else if (!is_icmp(key.transport) && !(has_ports(key.transport) && !key.src_port && !key.dst_port))
			questions.by_tuple.push_back(index);
	}
	for (const auto &[base, questions] : by_base) {
		try {
			ask_in(base, flows, questions);
		} catch (const Failure &failure) {
			// A namespace that is gone took its connections with it.
			if (failure.error_number != ESTALE)
				look_ups_.error = failure.error_number;
		}
	}
	settle(flows);
}

// The socket there is made anew each time: while it is open, the namespace cannot go.
void TrueEnds::ask_in(uint32_t base, NewFlows &flows, const Questions &questions)
{
	const std::optional<NetworkNamespace> place = places_->with_base(base);
	if (!place) {
		asked_ = conntrack_.get();
		ask(flows, questions);
		return;
	}
	Conntrack there = in_namespace(place, [] { return Conntrack(); });
	asked_ = &there;
	ask(flows, questions);
}

void TrueEnds::ask(NewFlows &flows, const Questions &questions)
{
	const auto &[by_tuple, by_list] = questions;
	const auto all_are = [&](Finding finding) {
		for (const auto *asked : {&by_tuple, &by_list})
			for (const uint32_t index : *asked)
				findings_[index] = finding;
	};
	all_are(Finding::failed);
	if (asked_->entries() == 0) {
		all_are(Finding::not_asked);
		return;
	}
	if (by_tuple.size() <= look_up_budget)
		look_up(flows, by_tuple);
	else
		list_translated(flows, by_tuple);
	list_queries(flows, by_list, AF_INET, IPPROTO_ICMP);
	list_queries(flows, by_list, AF_INET6, IPPROTO_ICMPV6);
}

// As the packets show it, and the other way round: so every sight of a connection is found by one of its two tuples.
void TrueEnds::look_up(NewFlows &flows, std::vector<uint32_t> asked)
{
	for (const bool other_way : {false, true}) {
		std::vector<flow_key> tuples;
		for (const uint32_t index : asked) {
			const flow_key tuple = tuple_of(*flows[index].key);
			tuples.push_back(other_way ? reversed(tuple) : tuple);
		}
		const std::vector<Answer> answers =
		    asked_->look_up(tuples, [&](size_t at, const Connection &connection) {
			    note(flows[asked[at]], asked[at], connection);
		    });
		std::vector<uint32_t> left;
		for (size_t at = 0; at < asked.size(); at++) {
			if (answers[at] != Answer::missing)
				continue;
			findings_[asked[at]] = Finding::missing;
			left.push_back(asked[at]);
		}
		asked = std::move(left);
	}
}

// The kernel compares all bits of a mask, so there are two lists: who is translated at the source, and who is at the
// destination alone.
void TrueEnds::list_translated(NewFlows &flows, const std::vector<uint32_t> &asked)
{
	const bool sources = list(flows, asked, {.status = IPS_SRC_NAT, .status_mask = IPS_SRC_NAT});
	const bool destinations = list(flows, asked, {.status = IPS_DST_NAT, .status_mask = IPS_NAT_MASK});
	for (const uint32_t index : asked)
		if (sources && destinations && findings_[index] == Finding::failed)
			findings_[index] = Finding::absent;
}

// A flow does not have the id by which conntrack tells echoes apart, so all connections that look like it are listed,
// those that are not translated among them.
void TrueEnds::list_queries(NewFlows &flows, const std::vector<uint32_t> &asked, uint8_t family, uint8_t protocol)
{
	std::vector<uint32_t> of_protocol;
	for (const uint32_t index : asked)
		if (flows[index].key->transport == protocol)
			of_protocol.push_back(index);
	const bool whole = list(flows, of_protocol, {.family = family, .protocol = protocol});
	for (const uint32_t index : of_protocol)
		if (whole && findings_[index] == Finding::failed)
			findings_[index] = Finding::missing;
}

// Returns whether the list is whole.
bool TrueEnds::list(NewFlows &flows, const std::vector<uint32_t> &asked, const ConnectionFilter &filter)
{
	if (asked.empty())
		return true;
	const WantedFlows wanted(flows, asked);
	const auto visit = [&](const Connection &connection) {
		for (const flow_key &sight : sights(connection))
			wanted.each(sight, [&](uint32_t index) { note(flows[index], index, connection); });
	};
	for (int attempt = 0; attempt < list_attempts; attempt++) {
		look_ups_.dumps++;
		if (asked_->dump(filter, visit))
			return true;
	}
	return false;
}

// The same connection may come again.
void TrueEnds::note(NewFlow &flow, uint32_t index, const Connection &connection)
{
	const flow_key seen = tuple_of(*flow.key);
	const std::array<flow_key, 4> ways = sights(connection);
	const auto way = std::find_if(ways.begin(), ways.end(),
				      [&](const flow_key &sight) { return same_key(sight.words, seen.words); });
	if (way == ways.end())
		return;
	const bool from_client = way - ways.begin() < 2;
	const flow_key ends = true_ends(seen, connection, from_client);
	if (findings_[index] == Finding::found && !same_key(flow.translation->ends.words, ends.words))
		findings_[index] = Finding::ambiguous;
	if (findings_[index] == Finding::found || findings_[index] == Finding::ambiguous)
		return;
	findings_[index] = Finding::found;
	flow.translation = std::make_unique<Translation>(Translation{.ends = ends});
	// Who is translated began with its first packet; conntrack may take others up in the middle, the wrong way
	// round.
	if ((connection.status & IPS_NAT_MASK) == 0 || !has_ports(seen.transport))
		return;
	flow.told = from_client ? INITIATOR_SOURCE : INITIATOR_DESTINATION;
	flow.dialled = std::make_unique<flow_key>(connection.original);
}

// What packets show says it in requests that were counted before the translation, and nowhere else.
void TrueEnds::note_dialled(NewFlow &flow)
{
	if (!flow.dialled)
		return;
	Translation &translation = *flow.translation;
	const flow_key &ends = translation.ends;
	const bool from_client = flow.told == INITIATOR_SOURCE;
	translation.dialled_differs =
	    !same_end(flow.dialled->dst, flow.dialled->dst_port, from_client ? ends.dst : ends.src,
		      from_client ? ends.dst_port : ends.src_port);
	std::memcpy(translation.dialled, flow.dialled->dst, sizeof(translation.dialled));
	translation.dialled_port = flow.dialled->dst_port;
}

void TrueEnds::settle(NewFlows &flows)
{
	for (size_t index = 0; index < flows.size(); index++) {
		NewFlow &flow = flows[index];
		const Finding finding = findings_[index];
		bool ask_again = false;
		if (finding == Finding::found) {
			const flow_key &ends = flow.translation->ends;
			flow.translation->src_differs =
			    !same_end(ends.src, ends.src_port, flow.key->src, flow.key->src_port);
			flow.translation->dst_differs =
			    !same_end(ends.dst, ends.dst_port, flow.key->dst, flow.key->dst_port);
			const bool translated = flow.translation->src_differs || flow.translation->dst_differs;
			look_ups_.translated += translated;
			look_ups_.untranslated += !translated;
			note_dialled(flow);
			if (!translated && !flow.translation->dialled_differs)
				flow.translation.reset();
		} else {
			flow.translation.reset();
			ask_again = finding == Finding::missing || finding == Finding::failed;
			look_ups_.untranslated += finding == Finding::absent;
			look_ups_.missing += finding == Finding::missing;
			look_ups_.ambiguous += finding == Finding::ambiguous;
			look_ups_.failed += finding == Finding::failed;
		}
		flow.identity.asked_in_vain = ask_again ? flow.identity.asked_in_vain + 1 : 0;
	}
}

} // namespace weir
