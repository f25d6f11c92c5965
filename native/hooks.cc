// SPDX-License-Identifier: Apache-2.0
#include "hooks.h"

#include "clsact_hooks.h"
#include "socket_hooks.h"
#include "tcx_hooks.h"

namespace weir
{

std::unique_ptr<Hooks> make_hooks(const BpfObject &object, const LoadOptions &loaded, TrafficControl choice,
				  const PinFolder *pins)
{
	if (loaded.socket_filter)
		return std::make_unique<SocketHooks>(object);
	if (choice == TrafficControl::tcx || (choice == TrafficControl::either && TcxHooks::available(object)))
		return std::make_unique<TcxHooks>(object, pins);
	return std::make_unique<ClsactHooks>(object, pins);
}

void discard_hooks(const PinFolder &pins)
{
	TcxHooks::discard(pins);
	ClsactHooks::discard(pins);
}

} // namespace weir
