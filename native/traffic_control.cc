// SPDX-License-Identifier: Apache-2.0
#include "traffic_control.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include "file_descriptor.h"
#include "netlink_message.h"

namespace weir
{

namespace
{

template <typename Visit>
void dump(uint16_t type, const tcmsg &body, Visit visit)
{
	const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	if (socket.get() < 0)
		throw Failure("socket AF_NETLINK", errno);
	struct {
		nlmsghdr header;
		tcmsg body;
	} request = {.header = {}, .body = body};
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (::send(socket.get(), &request, sizeof(request), 0) != sizeof(request))
		throw Failure("netlink traffic control", errno);

	std::vector<char> buffer(netlink_receive_bytes);
	for (;;) {
		int rest = receive_netlink(socket.get(), buffer);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
				const int error = -netlink_result(message);
				if (error > 0 && error != ENODEV)
					throw Failure("netlink traffic control", error);
				return;
			}
			visit(message);
		}
	}
}

template <typename Visit>
void for_each_tc_attribute(const nlmsghdr *message, Visit visit)
{
	const auto *body = static_cast<const tcmsg *>(NLMSG_DATA(message));
	const auto *first =
	    reinterpret_cast<const rtattr *>(reinterpret_cast<const char *>(body) + NLMSG_ALIGN(sizeof(tcmsg)));
	for_each_attribute(first, NLMSG_PAYLOAD(message, sizeof(tcmsg)), visit);
}

ClassifierFilter read_filter(const nlmsghdr *message)
{
	const auto *body = static_cast<const tcmsg *>(NLMSG_DATA(message));
	ClassifierFilter filter;
	filter.preference = static_cast<uint16_t>(TC_H_MAJ(body->tcm_info) >> 16);
	filter.handle = body->tcm_handle;
	const rtattr *options = nullptr;
	size_t options_bytes = 0;
	for_each_tc_attribute(message, [&](int type, const void *data, size_t length) {
		if (type == TCA_KIND)
			filter.kind = text(data, length);
		else if (type == TCA_OPTIONS) {
			options = static_cast<const rtattr *>(data);
			options_bytes = length;
		}
	});
	if (filter.kind == "bpf" && options)
		for_each_attribute(options, options_bytes, [&](int type, const void *data, size_t length) {
			if (type == TCA_BPF_NAME)
				filter.name = text(data, length);
			else if (type == TCA_BPF_ID)
				filter.program_id = number(data);
		});
	return filter;
}

} // namespace

std::vector<ClassifierFilter> list_filters(uint32_t ifindex, flow_direction direction)
{
	tcmsg request = {};
	request.tcm_family = AF_UNSPEC;
	request.tcm_ifindex = static_cast<int>(ifindex);
	request.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction == FLOW_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
	std::vector<ClassifierFilter> filters;
	dump(RTM_GETTFILTER, request, [&](const nlmsghdr *message) {
		if (message->nlmsg_type == RTM_NEWTFILTER)
			filters.push_back(read_filter(message));
	});
	return filters;
}

std::vector<uint32_t> list_clsact_devices()
{
	tcmsg request = {};
	request.tcm_family = AF_UNSPEC;
	std::vector<uint32_t> devices;
	dump(RTM_GETQDISC, request, [&](const nlmsghdr *message) {
		for_each_tc_attribute(message, [&](int type, const void *data, size_t length) {
			const auto *body = static_cast<const tcmsg *>(NLMSG_DATA(message));
			if (type == TCA_KIND && text(data, length) == "clsact")
				devices.push_back(static_cast<uint32_t>(body->tcm_ifindex));
		});
	});
	return devices;
}

} // namespace weir
