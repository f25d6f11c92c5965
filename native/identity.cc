// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <netinet/in.h>

namespace weir
{

bool Identifier::identify(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own,
			  std::vector<NewFlow> &flows)
{
	if (own)
		for (NewFlow &flow : flows)
			find_own(slots, *own, flow);
	std::erase_if(flows, [](const NewFlow &flow) { return flow.is_early; });
	return roles_.decide(slots, flows);
}

// Nothing is kept of a flow without a slot: it goes by its ends.
void Identifier::find_own(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow)
{
	if (flow.key.transport != IPPROTO_TCP)
		return;
	std::optional<flow_cold> cold;
	if (flow.slot != no_slot)
		cold = openings_.cold_of(slots, flow.slot);
	if (own.contain(flow.key, cold))
		flow.identity.disposition = LEFT_OUT_SELF;
	else
		flow.is_early = cold && own.may_miss(cold->first_ns);
}

} // namespace weir
