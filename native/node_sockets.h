// SPDX-License-Identifier: Apache-2.0
// What this node serves: its listening TCP sockets and unconnected UDP sockets (sock_diag), its addresses, and the
// ports that it gives to clients. Of the network namespace of the thread that makes one; used from one thread at a
// time.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include <linux/types.h>

#include "conversations.h"
#include "failure.h"
#include "file_descriptor.h"
#include "interner.h"

namespace weir
{

class NodeSockets
{
      public:
	// What cannot be had here is said by each read().
	NodeSockets();

	// Asks the kernel again. Throws Failure, and then still knows what it knew before.
	void read();

	// A socket of this node takes connections (TCP) or datagrams of anyone (UDP) at this address and port.
	bool serves(uint8_t transport, const End &end) const;

	// From the lower end of ip_local_port_range up: other systems take client ports up to 65535 (RFC 6335, section
	// 6).
	bool is_client_port(__be16 port) const;

      private:
	using Ports = std::bitset<65536>;
	struct Served {
		std::set<std::pair<Address, __be16>> at_address;
		Ports at_any_ipv4, at_any_ipv6;
	};
	struct Known {
		Served tcp, udp;
		std::set<Address> addresses;
	};

	void list_sockets(uint8_t protocol, uint8_t family, Served &served);
	void list_addresses(std::set<Address> &addresses);
	bool is_own(const Known &known, const Address &address) const;

	FileDescriptor sock_diag_;
	FileDescriptor route_;
	uint32_t sequence_ = 0;
	uint16_t first_client_port_ = 32768; // the kernel's own default
	std::optional<Failure> opening_failure_;
	Known known_;
};

} // namespace weir
