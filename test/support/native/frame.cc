// SPDX-License-Identifier: Apache-2.0
// See frame.h.

#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "failure.h"
#include "network_namespace.h"

namespace test_support
{

namespace
{

Descriptor open_packet_socket(const FrameOrder &order)
{
	// Protocol 0: the socket sends and never receives.
	Descriptor packet_socket(checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket AF_PACKET"));
	sockaddr_ll address = {};
	address.sll_family = AF_PACKET;
	address.sll_ifindex = static_cast<int>(if_nametoindex(order.interface.c_str()));
	if (address.sll_ifindex == 0)
		fail("interface " + order.interface);
	checked(bind(packet_socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), "bind");
	if (!order.header.empty()) {
		const int on = 1;
		checked(setsockopt(packet_socket.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)),
			"setsockopt PACKET_VNET_HDR");
	}
	return packet_socket;
}

} // namespace

void send_frame(const FrameOrder &order)
{
	run_in_network_namespace(order.network_namespace, [&order] {
		const Descriptor packet_socket = open_packet_socket(order);
		std::vector<uint8_t> message = order.header;
		message.insert(message.end(), order.frame.begin(), order.frame.end());
		for (uint32_t sent = 0; sent < order.count; sent++) {
			if (write(packet_socket.get(), message.data(), message.size()) < 0)
				fail("write to " + order.interface);
		}
	});
}

} // namespace test_support
