// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <netinet/in.h>

namespace weir
{

bool Identifier::meet(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own, NewFlow &flow)
{
	judge_tunnel(*flow.key, flow.identity);
	return !own || flow.key->transport != IPPROTO_TCP || find_own(slots, *own, flow);
}

bool Identifier::identify(const MapView<flow_slot> &slots, const std::optional<OwnConnections> &own, NewFlows &flows)
{
	// Who its client is goes by the true ends: on the wire the two directions may show different ones.
	true_ends_.find(flows);
	if (own)
		for (NewFlow &flow : flows)
			find_own_translated(slots, *own, flow);
	return roles_.decide(slots, flows);
}

void Identifier::judge_tunnel(const flow_key &key, Identity &identity) const
{
	identity.tunnel = tunnels_.carried_by(key, places_->base_of(key.iface));
	if (identity.disposition != LEAVES && identity.disposition != LEFT_OUT_TUNNEL)
		return;
	const bool left_out = tunnel_mode_ == TunnelMode::inner	  ? identity.tunnel != 0
			      : tunnel_mode_ == TunnelMode::outer ? tunnels_.is_inside(key)
								  : false;
	identity.disposition = left_out ? LEFT_OUT_TUNNEL : LEAVES;
}

// Nothing is kept of a flow without a slot: it goes by its ends.
std::optional<flow_cold> Identifier::cold_of(const MapView<flow_slot> &slots, const NewFlow &flow)
{
	if (flow.slot == no_slot)
		return std::nullopt;
	return openings_.cold_of(slots, flow.slot);
}

// Returns false where it may be of a connection that began after the list of them was made.
bool Identifier::find_own(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow)
{
	const std::optional<flow_cold> cold = cold_of(slots, flow);
	if (own.contain(*flow.key, cold)) {
		flow.identity.disposition = LEFT_OUT_SELF;
		return true;
	}
	return !cold || !own.may_miss(cold->first_ns);
}

// This process knows the address that it dialled, such as a Service's, and not what the packets show.
void Identifier::find_own_translated(const MapView<flow_slot> &slots, const OwnConnections &own, NewFlow &flow)
{
	if (flow.dialled && flow.key->transport == IPPROTO_TCP && own.contain(*flow.dialled, cold_of(slots, flow)))
		flow.identity.disposition = LEFT_OUT_SELF;
}

} // namespace weir
