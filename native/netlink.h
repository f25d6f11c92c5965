// SPDX-License-Identifier: Apache-2.0
// Reads the network interfaces of the calling thread's network namespace from the kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir
{

struct NetworkInterface {
	uint32_t index = 0;
	std::string name;
	std::string kind;	      // IFLA_INFO_KIND; empty for hardware
	uint32_t master = 0;	      // IFLA_MASTER
	uint32_t lower = 0;	      // IFLA_LINK
	int32_t lower_namespace = -1; // IFLA_LINK_NETNSID: this namespace's id for that of `lower`; -1 for this one
	uint32_t flags = 0;	      // IFF_*
	uint16_t link_type = 0;	      // ARPHRD_*
};

// Throws Failure.
std::vector<NetworkInterface> list_interfaces();

} // namespace weir
