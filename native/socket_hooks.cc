// SPDX-License-Identifier: Apache-2.0
#include "socket_hooks.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "failure.h"

namespace weir
{

namespace
{

// The program is there before the first packet: a socket of protocol 0 gets none until it is bound.
FileDescriptor open_socket(int program_descriptor)
{
	FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	if (socket.get() < 0)
		throw Failure("socket AF_PACKET", errno);
	if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_BPF, &program_descriptor, sizeof(program_descriptor)))
		throw Failure("setsockopt SO_ATTACH_BPF", errno);
	sockaddr_ll everywhere = {};
	everywhere.sll_family = AF_PACKET;
	everywhere.sll_protocol = htons(ETH_P_ALL);
	if (::bind(socket.get(), reinterpret_cast<const sockaddr *>(&everywhere), sizeof(everywhere)))
		throw Failure("bind AF_PACKET", errno);
	return socket;
}

} // namespace

std::vector<std::string> SocketHooks::attach(uint32_t ifindex, const std::string &name, flow_direction direction, bool)
{
	char found[IF_NAMESIZE];
	if (!::if_indextoname(ifindex, found))
		throw Failure("packet socket " + name + " " + hook_name(direction), errno == ENXIO ? ENODEV : errno);
	if (socket_.get() < 0)
		socket_ = open_socket(object_.program_descriptor("network_socket"));
	places_.emplace(ifindex, direction);
	return {};
}

void SocketHooks::detach(uint32_t ifindex, flow_direction direction)
{
	places_.erase({ifindex, direction});
	if (places_.empty())
		socket_ = FileDescriptor();
}

void SocketHooks::detach_all() noexcept
{
	places_.clear();
	socket_ = FileDescriptor();
}

} // namespace weir
