// SPDX-License-Identifier: Apache-2.0
#include "node_sockets.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "failure.h"
#include "netlink_message.h"

namespace weir
{

namespace
{

// include/net/tcp_states.h; an unconnected UDP socket is in the state "close".
constexpr uint32_t state_close = 1 << 7;
constexpr uint32_t state_listen = 1 << 10;

constexpr const char *port_range_path = "/proc/sys/net/ipv4/ip_local_port_range";

constexpr std::array<uint8_t, 12> ipv4_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

FileDescriptor open_netlink(int protocol, const char *name)
{
	FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
	if (socket.get() < 0)
		throw Failure(std::string("socket ") + name, errno);
	return socket;
}

uint16_t read_first_client_port()
{
	const std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(port_range_path, "re"), std::fclose);
	if (!file)
		throw Failure(std::string("open ") + port_range_path, errno);
	unsigned first = 0;
	if (std::fscanf(file.get(), "%u", &first) != 1 || first > UINT16_MAX)
		throw Failure(std::string("read ") + port_range_path, EINVAL);
	return static_cast<uint16_t>(first);
}

// From the 4 or 16 bytes of the kernel.
Address address_of(uint8_t family, const void *bytes)
{
	Address address = {};
	if (family == AF_INET6) {
		std::memcpy(address.data(), bytes, address.size());
		return address;
	}
	std::memcpy(address.data(), ipv4_prefix.data(), ipv4_prefix.size());
	std::memcpy(address.data() + ipv4_prefix.size(), bytes, 4);
	return address;
}

bool is_ipv4(const Address &address)
{
	return std::memcmp(address.data(), ipv4_prefix.data(), ipv4_prefix.size()) == 0;
}

template <typename Body>
struct Request {
	nlmsghdr header;
	Body body;
};

// Sends a request for a dump and visits each message of the answer. Another sequence number is of a dump that failed.
template <typename Body, typename Visit>
void dump(int socket, uint16_t type, uint32_t sequence, const Body &body, const char *name, Visit visit)
{
	Request<Body> request = {};
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.header.nlmsg_seq = sequence;
	request.body = body;
	if (::send(socket, &request, sizeof(request), 0) != static_cast<ssize_t>(sizeof(request)))
		throw Failure(name, errno);
	std::vector<char> buffer(netlink_receive_bytes);
	for (;;) {
		int rest = receive_netlink(socket, buffer);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			if (message->nlmsg_seq != sequence)
				continue;
			if (message->nlmsg_type != NLMSG_DONE && message->nlmsg_type != NLMSG_ERROR) {
				visit(message);
				continue;
			}
			if (netlink_result(message) < 0)
				throw Failure(name, -netlink_result(message));
			return;
		}
	}
}

} // namespace

NodeSockets::NodeSockets()
{
	try {
		sock_diag_ = open_netlink(NETLINK_SOCK_DIAG, "NETLINK_SOCK_DIAG");
		route_ = open_netlink(NETLINK_ROUTE, "NETLINK_ROUTE");
		first_client_port_ = read_first_client_port();
	} catch (const Failure &failure) {
		opening_failure_ = failure;
	}
}

void NodeSockets::read()
{
	if (opening_failure_)
		throw *opening_failure_;
	Known known;
	for (const uint8_t family : {AF_INET, AF_INET6}) {
		list_sockets(IPPROTO_TCP, family, known.tcp);
		list_sockets(IPPROTO_UDP, family, known.udp);
	}
	list_addresses(known.addresses);
	known_ = std::move(known);
}

void NodeSockets::list_sockets(uint8_t protocol, uint8_t family, Served &served)
{
	inet_diag_req_v2 request = {};
	request.sdiag_family = family;
	request.sdiag_protocol = protocol;
	request.idiag_states = protocol == IPPROTO_TCP ? state_listen : state_close;
	dump(sock_diag_.get(), SOCK_DIAG_BY_FAMILY, ++sequence_, request, "sock_diag", [&](const nlmsghdr *message) {
		const auto *socket = static_cast<const inet_diag_msg *>(NLMSG_DATA(message));
		const uint16_t port = ntohs(socket->id.idiag_sport);
		// Chosen by the kernel: a client that did not connect, or a server that nobody knows.
		if (port == 0 || (protocol == IPPROTO_UDP && is_client_port(socket->id.idiag_sport)))
			return;
		bool ipv6_only = false;
		for_each_attribute(reinterpret_cast<const rtattr *>(socket + 1),
				   message->nlmsg_len - NLMSG_LENGTH(sizeof(*socket)),
				   [&](int type, const void *data, size_t length) {
					   if (type == INET_DIAG_SKV6ONLY && length > 0)
						   ipv6_only = *static_cast<const uint8_t *>(data) != 0;
				   });
		const Address address = address_of(family, socket->id.idiag_src);
		const bool any =
		    family == AF_INET ? std::memcmp(socket->id.idiag_src, "\0\0\0", 4) == 0 : address == Address{};
		if (!any) {
			served.at_address.emplace(address, socket->id.idiag_sport);
			return;
		}
		if (family == AF_INET6)
			served.at_any_ipv6.set(port);
		if (family == AF_INET || !ipv6_only)
			served.at_any_ipv4.set(port);
	});
}

void NodeSockets::list_addresses(std::set<Address> &addresses)
{
	const ifaddrmsg request = {};
	dump(route_.get(), RTM_GETADDR, ++sequence_, request, "netlink RTM_GETADDR", [&](const nlmsghdr *message) {
		const auto *header = static_cast<const ifaddrmsg *>(NLMSG_DATA(message));
		if (message->nlmsg_type != RTM_NEWADDR ||
		    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
			return;
		// With a peer, IFA_ADDRESS is the peer's.
		const void *local = nullptr, *address = nullptr;
		for_each_attribute(IFA_RTA(header), IFA_PAYLOAD(message), [&](int type, const void *data, size_t) {
			if (type == IFA_LOCAL)
				local = data;
			else if (type == IFA_ADDRESS)
				address = data;
		});
		if (local || address)
			addresses.insert(address_of(header->ifa_family, local ? local : address));
	});
}

bool NodeSockets::is_own(const Known &known, const Address &address) const
{
	return (is_ipv4(address) && address[12] == IN_LOOPBACKNET) || known.addresses.contains(address);
}

bool NodeSockets::serves(uint8_t transport, const End &end) const
{
	const Served &served = transport == IPPROTO_TCP ? known_.tcp : known_.udp;
	Address address;
	std::memcpy(address.data(), end.address, address.size());
	const Ports &anywhere = is_ipv4(address) ? served.at_any_ipv4 : served.at_any_ipv6;
	return (anywhere.test(ntohs(end.port)) && is_own(known_, address)) ||
	       served.at_address.contains({address, end.port});
}

bool NodeSockets::is_client_port(__be16 port) const
{
	return ntohs(port) >= first_client_port_;
}

} // namespace weir
