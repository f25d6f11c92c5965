// SPDX-License-Identifier: Apache-2.0
// Tells the programs at which UDP ports the headers of a tunnel follow, for the size of large packets (bpf/carried.h).
#pragma once

#include "tunnels.h"

namespace weir
{

// Replaces the whole set. Throws Failure.
void publish_carrying_ports(int ports_descriptor, const TunnelList &list);

} // namespace weir
