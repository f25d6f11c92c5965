// SPDX-License-Identifier: Apache-2.0
#include "network_namespace.h"

#include <cstring>

#include <fcntl.h>
#include <linux/net_namespace.h>
#include <sched.h>
#include <sys/stat.h>

#include "netlink_message.h"

namespace weir
{

namespace
{

// One question to the kernel; its answer is a message or an error.
int32_t ask_id(int socket, int descriptor)
{
	struct {
		nlmsghdr header;
		rtgenmsg body;
		char padding[3]; // attributes are aligned to four bytes
		rtattr attribute;
		int32_t value;
	} request = {};
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = RTM_GETNSID;
	request.header.nlmsg_flags = NLM_F_REQUEST;
	request.attribute.rta_type = NETNSA_FD;
	request.attribute.rta_len = RTA_LENGTH(sizeof(request.value));
	request.value = descriptor;
	if (::send(socket, &request, sizeof(request), 0) != sizeof(request))
		throw Failure("netlink RTM_GETNSID", errno);
	std::vector<char> buffer(netlink_receive_bytes);
	receive_netlink(socket, buffer);
	const auto *answer = reinterpret_cast<const nlmsghdr *>(buffer.data());
	if (answer->nlmsg_type == NLMSG_ERROR)
		throw Failure("netlink RTM_GETNSID", -netlink_result(answer));
	int32_t id = NETNSA_NSID_NOT_ASSIGNED;
	const auto *first = reinterpret_cast<const rtattr *>(buffer.data() + NLMSG_SPACE(sizeof(rtgenmsg)));
	for_each_attribute(first, answer->nlmsg_len - NLMSG_SPACE(sizeof(rtgenmsg)),
			   [&](int type, const void *data, size_t) {
				   if (type == NETNSA_NSID)
					   std::memcpy(&id, data, sizeof(id));
			   });
	return id;
}

} // namespace

FileDescriptor open_namespace(const NetworkNamespace &space)
{
	FileDescriptor descriptor(::open(space.path.c_str(), O_RDONLY | O_CLOEXEC));
	struct stat found = {};
	if (descriptor.get() < 0 && errno != ENOENT)
		throw Failure("network namespace " + space.path, errno);
	if (descriptor.get() < 0 || ::fstat(descriptor.get(), &found) || found.st_ino != space.inode)
		throw Failure("network namespace " + space.path, ESTALE);
	return descriptor;
}

void enter_namespace(const NetworkNamespace &space)
{
	const FileDescriptor descriptor = open_namespace(space);
	if (::setns(descriptor.get(), CLONE_NEWNET))
		throw Failure("setns " + space.path, errno);
}

std::vector<int32_t> namespace_ids(const std::vector<NetworkNamespace> &others)
{
	const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	if (socket.get() < 0)
		throw Failure("socket AF_NETLINK", errno);
	std::vector<int32_t> ids;
	for (const NetworkNamespace &other : others) {
		int32_t id = NETNSA_NSID_NOT_ASSIGNED;
		try {
			id = ask_id(socket.get(), open_namespace(other).get());
		} catch (const Failure &failure) {
			if (failure.error_number != ESTALE)
				throw;
		}
		ids.push_back(id);
	}
	return ids;
}

} // namespace weir
