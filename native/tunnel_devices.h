// SPDX-License-Identifier: Apache-2.0
// Reads from the kernel which tunnels the calling thread's network namespace has: devices that are up, and the UDP
// ports of FOU and GUE.
#pragma once

#include <string>
#include <vector>

#include "tunnels.h"

namespace weir
{

struct TunnelDevices {
	TunnelList list;
	std::vector<std::string> unreadable; // names of devices whose port the kernel does not tell this process
};

// Its addresses where it has tunnels, or in any case; bases are 0. Throws Failure.
TunnelDevices list_tunnels(bool with_addresses);

} // namespace weir
