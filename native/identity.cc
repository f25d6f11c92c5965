// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <netinet/in.h>

namespace weir
{

// Flows without a slot have nothing kept of them: nobody knows who opened them.
void Identifier::identify(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows)
{
	for (NewFlow &flow : flows) {
		judge_tunnel(flow.key, flow.identity);
		if (flow.slot != no_slot && flow.key.transport == IPPROTO_TCP)
			flow.identity.initiator = openings_.initiator_of(slots, flow.slot);
	}
}

void Identifier::judge_tunnel(const flow_key &key, Identity &identity) const
{
	identity.tunnel = tunnels_.carried_by(key);
	if (identity.disposition != LEAVES && identity.disposition != LEFT_OUT_TUNNEL)
		return;
	const bool left_out = tunnel_mode_ == TunnelMode::inner	  ? identity.tunnel != 0
			      : tunnel_mode_ == TunnelMode::outer ? tunnels_.is_inside(key)
								  : false;
	identity.disposition = left_out ? LEFT_OUT_TUNNEL : LEAVES;
}

} // namespace weir
