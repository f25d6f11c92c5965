// SPDX-License-Identifier: Apache-2.0
// The other side of a tun device: what is written there comes in on the device.
#pragma once

#include <string>

#include "failure.h"

namespace test_support
{

// Makes the device in the namespace (empty: the calling thread's); it goes away with the descriptor. Each write is one
// packet, from its IP header on.
Descriptor open_tun(const std::string &network_namespace, const std::string &name);

} // namespace test_support
