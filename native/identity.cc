// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <netinet/in.h>

#include "true_ends.h"

namespace weir
{

// Flows without a slot have nothing kept of them: nobody knows who opened them.
void Identifier::identify(const MapView<flow_slot> &slots, std::vector<NewFlow> &flows)
{
	for (NewFlow &flow : flows)
		if (flow.slot != no_slot && flow.key.transport == IPPROTO_TCP)
			flow.identity.initiator = openings_.initiator_of(slots, flow.slot);
	true_ends_.find(flows);
}

} // namespace weir
