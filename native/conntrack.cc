// SPDX-License-Identifier: Apache-2.0
#include "conntrack.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "conntrack_message.h"
#include "failure.h"

namespace weir
{

namespace
{

// Requests in one send, and their answers in one receive: enough that the system calls cost little beside the look-ups.
constexpr size_t batch_requests = 64;
// The kernel makes an answer in a page at most.
constexpr size_t answer_bytes = 4096;
constexpr int socket_buffer_bytes = 1 << 20; // holds the answers to a batch with room to spare
constexpr int most_shortages = 16;	     // of memory, in the kernel, within one dump
// The flag of CTA_PROTO_NUM in CTA_FILTER_ORIG_FLAGS (Linux 5.8), which no header of user space names.
constexpr uint32_t filter_protocol = 1 << 3;

static_assert(batch_requests * answer_bytes >= netlink_receive_bytes, "one buffer for both");

bool is_answer(const nlmsghdr *message)
{
	return message->nlmsg_type >> 8 == NFNL_SUBSYS_CTNETLINK;
}

} // namespace

Conntrack::Conntrack() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER))
{
	if (socket_.get() < 0) {
		open_error_ = errno;
		return;
	}
	// Both are for speed: answers that do not fit are asked for again, and an error need not repeat the request.
	const int on = 1;
	::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer_bytes, sizeof(socket_buffer_bytes));
	::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
}

void Conntrack::send(const std::vector<char> &request)
{
	if (open_error_)
		throw Failure("socket NETLINK_NETFILTER", open_error_);
	buffer_.resize(batch_requests * answer_bytes);
	while (::send(socket_.get(), request.data(), request.size(), 0) < 0) {
		if (errno != EINTR)
			throw Failure("netlink ctnetlink", errno);
	}
}

uint32_t Conntrack::next_sequence(size_t count)
{
	const uint32_t first = sequence_ + 1;
	sequence_ += static_cast<uint32_t>(count);
	return first;
}

uint32_t Conntrack::entries()
{
	ConntrackRequests request;
	const uint32_t sequence = next_sequence(1);
	request.begin(IPCTNL_MSG_CT_GET_STATS, 0, sequence, AF_UNSPEC);
	request.end();
	send(request.bytes());
	for (;;) {
		int rest = receive_netlink(socket_.get(), buffer_);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer_.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			if (message->nlmsg_seq != sequence)
				continue;
			if (message->nlmsg_type == NLMSG_ERROR)
				throw Failure("netlink IPCTNL_MSG_CT_GET_STATS", -netlink_result(message));
			uint32_t entries = 0;
			for_each_conntrack_attribute(message, [&](int type, const void *data, size_t length) {
				if (type == CTA_STATS_GLOBAL_ENTRIES && length == sizeof(entries))
					entries = be32toh(number(data));
			});
			return entries;
		}
	}
}

std::vector<Answer> Conntrack::look_up(const std::vector<flow_key> &tuples,
				       const std::function<void(size_t, const Connection &)> &found)
{
	std::vector<Answer> answers(tuples.size(), Answer::failed);
	const uint32_t first_sequence = next_sequence(tuples.size());
	ConntrackRequests requests;
	for (size_t first = 0; first < tuples.size(); first += batch_requests) {
		const size_t last = std::min(first + batch_requests, tuples.size());
		requests.clear();
		for (size_t at = first; at < last; at++) {
			requests.begin(IPCTNL_MSG_CT_GET, 0, first_sequence + static_cast<uint32_t>(at),
				       is_ipv4(tuples[at].src) ? AF_INET : AF_INET6);
			requests.put_tuple(tuples[at]);
			requests.end();
		}
		send(requests.bytes());
		take_answers(first_sequence, answers, last - first, found);
	}
	return answers;
}

// Takes what is there. An answer that found no room in the socket does not come: its question has failed.
void Conntrack::take_answers(uint32_t first_sequence, std::vector<Answer> &answers, size_t wanted,
			     const std::function<void(size_t, const Connection &)> &found)
{
	std::array<iovec, batch_requests> places;
	std::array<mmsghdr, batch_requests> messages = {};
	for (size_t i = 0; i < batch_requests; i++) {
		places[i] = {.iov_base = &buffer_[i * answer_bytes], .iov_len = answer_bytes};
		messages[i].msg_hdr.msg_iov = &places[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	const auto take = [&](const nlmsghdr *message) {
		const size_t index = message->nlmsg_seq - first_sequence;
		if (index >= answers.size())
			return; // of a question that was given up
		wanted--;
		if (message->nlmsg_type == NLMSG_ERROR) {
			const int error = -netlink_result(message);
			if (error == EPERM)
				throw Failure("netlink IPCTNL_MSG_CT_GET", error);
			if (error == ENOENT)
				answers[index] = Answer::missing;
		} else if (is_answer(message)) {
			const auto connection = read_connection(message);
			answers[index] = connection ? Answer::found : Answer::missing;
			if (connection)
				found(index, *connection);
		}
	};
	while (wanted > 0) {
		const int received = ::recvmmsg(socket_.get(), messages.data(), batch_requests, MSG_DONTWAIT, nullptr);
		if (received < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (received < 0 && errno == EAGAIN)
			return;
		if (received < 0)
			throw Failure("netlink receive", errno);
		for (int i = 0; i < received; i++) {
			int rest = static_cast<int>(messages[static_cast<size_t>(i)].msg_len);
			const auto *message = static_cast<const nlmsghdr *>(places[static_cast<size_t>(i)].iov_base);
			for (; NLMSG_OK(message, rest); message = NLMSG_NEXT(message, rest))
				take(message);
		}
	}
}

bool Conntrack::dump(const ConnectionFilter &filter, const std::function<void(const Connection &)> &visit)
{
	ConntrackRequests request;
	const uint32_t sequence = next_sequence(1);
	request.begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP, sequence, filter.family);
	if (filter.status_mask) {
		request.put_number(CTA_STATUS, filter.status);
		request.put_number(CTA_STATUS_MASK, filter.status_mask);
	}
	if (filter.protocol) {
		request.nest(CTA_FILTER,
			     [&] { request.put(CTA_FILTER_ORIG_FLAGS, &filter_protocol, sizeof(filter_protocol)); });
		request.nest(CTA_TUPLE_ORIG, [&] {
			request.nest(CTA_TUPLE_PROTO,
				     [&] { request.put(CTA_PROTO_NUM, &filter.protocol, sizeof(filter.protocol)); });
		});
	}
	request.end();
	send(request.bytes());

	bool whole = true;
	int shortages = 0;
	for (;;) {
		int rest = 0;
		try {
			rest = receive_netlink(socket_.get(), buffer_);
		} catch (const Failure &failure) {
			if (failure.error_number != ENOBUFS || ++shortages > most_shortages)
				throw;
			whole = false;
			continue;
		}
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer_.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			if (message->nlmsg_seq != sequence)
				continue;
			whole = whole && (message->nlmsg_flags & NLM_F_DUMP_INTR) == 0;
			if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
				const int result = netlink_result(message);
				if (result < 0)
					throw Failure("netlink IPCTNL_MSG_CT_GET dump", -result);
				return whole;
			}
			const auto connection = is_answer(message) ? read_connection(message) : std::nullopt;
			if (connection)
				visit(*connection);
		}
	}
}

} // namespace weir
