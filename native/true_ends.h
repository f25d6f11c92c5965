// SPDX-License-Identifier: Apache-2.0
// Names the true ends of connections whose addresses this node translates. A packet shows one side of a translation;
// conntrack knows both: the client is the source of the original tuple, who answers is the source of the reply.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "conntrack.h"
#include "device_places.h"
#include "huge_pages.h"

namespace weir
{

struct NewFlow;
using NewFlows = HugeVector<NewFlow>;

// What became of the flows that were asked about in one collect.
struct NatLookUps {
	uint64_t translated = 0;
	uint64_t untranslated = 0;
	uint64_t missing = 0;	// conntrack does not have them
	uint64_t ambiguous = 0; // several connections look like this
	uint64_t failed = 0;
	uint64_t dumps = 0;
	int error = 0; // errno of what failed

	NatLookUps &operator+=(const NatLookUps &other)
	{
		translated += other.translated;
		untranslated += other.untranslated;
		missing += other.missing;
		ambiguous += other.ambiguous;
		failed += other.failed;
		dumps += other.dumps;
		error = other.error ? other.error : error;
		return *this;
	}
};

class TrueEnds
{
      public:
	// Without conntrack it finds nothing. Flows of other network namespaces are asked about there.
	TrueEnds(std::shared_ptr<Conntrack> conntrack, std::shared_ptr<const DevicePlaces> places)
	    : conntrack_(std::move(conntrack)), places_(std::move(places))
	{
	}

	// Gives flows their translation, and what conntrack tells of the initiator.
	void find(NewFlows &flows);
	// Of the last find().
	const NatLookUps &look_ups() const
	{
		return look_ups_;
	}

      private:
	enum class Finding : uint8_t { not_asked, failed, missing, absent, found, ambiguous };

	// Indexes of flows.
	struct Questions {
		std::vector<uint32_t> by_tuple, by_list;
	};
	void ask_in(uint32_t base, NewFlows &flows, const Questions &questions);
	void ask(NewFlows &flows, const Questions &questions);
	void look_up(NewFlows &flows, std::vector<uint32_t> asked);
	bool list(NewFlows &flows, const std::vector<uint32_t> &asked, const ConnectionFilter &filter);
	void list_translated(NewFlows &flows, const std::vector<uint32_t> &asked);
	void list_queries(NewFlows &flows, const std::vector<uint32_t> &asked, uint8_t family, uint8_t protocol);
	void note(NewFlow &flow, uint32_t index, const Connection &connection);
	static void note_dialled(NewFlow &flow);
	void settle(NewFlows &flows);

	std::shared_ptr<Conntrack> conntrack_; // of this process's own namespace
	std::shared_ptr<const DevicePlaces> places_;
	Conntrack *asked_ = nullptr;	// of the namespace whose flows are asked about
	std::vector<Finding> findings_; // by flow
	NatLookUps look_ups_;
};

} // namespace weir
