// SPDX-License-Identifier: Apache-2.0
#include "link_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "conversions.h"
#include "failure.h"

namespace weir
{

namespace
{

constexpr size_t receive_bytes = 1 << 16;
// Some thousand messages: a burst that is larger is told of all the same.
constexpr int socket_buffer_bytes = 4 << 20;

FileDescriptor subscribe()
{
	FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
	if (socket.get() < 0)
		throw Failure("socket AF_NETLINK", errno);
	// Without CAP_NET_ADMIN the buffer stays small.
	::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer_bytes, sizeof(socket_buffer_bytes));
	sockaddr_nl address = {};
	address.nl_family = AF_NETLINK;
	// Tunnels are told by the addresses of the namespace as well.
	address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	if (::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)))
		throw Failure("bind RTNLGRP_LINK", errno);
	return socket;
}

} // namespace

Napi::Value LinkWatch::start(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	const std::shared_ptr<LinkWatch> watch(new LinkWatch(env));
	with_errors(env, [&] { watch->begin(info[0].As<Napi::Function>(), namespace_of(info[1])); });
	return Napi::Function::New(env, [watch](const Napi::CallbackInfo &) { watch->close(); });
}

void LinkWatch::begin(const Napi::Function &on_change, const std::optional<NetworkNamespace> &place)
{
	// A socket stays in the namespace where it was made, and keeps that until it is closed.
	socket_ = in_namespace(place, subscribe);
	uv_loop_t *loop = nullptr;
	if (napi_get_uv_event_loop(env_, &loop) != napi_ok)
		throw Failure("napi_get_uv_event_loop", EINVAL);
	int error = uv_poll_init(loop, &poll_, socket_.get());
	if (error)
		throw Failure("uv_poll_init", -error);
	// From here on libuv has the handle, and only closing gives it back.
	self_ = shared_from_this();
	poll_.data = this;
	on_change_ = Napi::Persistent(on_change);
	uv_unref(reinterpret_cast<uv_handle_t *>(&poll_));
	napi_add_async_cleanup_hook(
	    env_, [](napi_async_cleanup_hook_handle, void *watch) { static_cast<LinkWatch *>(watch)->close(); }, this,
	    &cleanup_);
	error = uv_poll_start(&poll_, UV_READABLE,
			      [](uv_poll_t *poll, int, int) { static_cast<LinkWatch *>(poll->data)->read(); });
	if (error) {
		close();
		throw Failure("uv_poll_start", -error);
	}
}

// Again at the end of the environment, or from JavaScript: does nothing then.
void LinkWatch::close()
{
	if (!self_ || uv_is_closing(reinterpret_cast<uv_handle_t *>(&poll_)))
		return;
	on_change_.Reset();
	uv_close(reinterpret_cast<uv_handle_t *>(&poll_), [](uv_handle_t *handle) {
		auto *watch = static_cast<LinkWatch *>(handle->data);
		if (watch->cleanup_)
			napi_remove_async_cleanup_hook(watch->cleanup_);
		watch->self_.reset();
	});
	// Nothing polls it any more.
	socket_ = FileDescriptor();
}

// Reads all that is there. Returns whether any interface changed, and which ones went away, to be gone or to come back.
bool LinkWatch::drain(std::vector<uint32_t> &gone) const
{
	std::vector<char> buffer(receive_bytes);
	bool changed = false;
	for (;;) {
		const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
		if (received < 0 && errno == EINTR)
			continue;
		// The socket overran: messages are missing, and others may follow.
		if (received < 0 && errno == ENOBUFS) {
			changed = true;
			continue;
		}
		if (received <= 0)
			return changed;
		int rest = static_cast<int>(received);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			changed = true;
			// A bridge says in its own family that it lost a port.
			const auto *link = static_cast<const ifinfomsg *>(NLMSG_DATA(message));
			if (message->nlmsg_type == RTM_DELLINK && link->ifi_family == AF_UNSPEC)
				gone.push_back(static_cast<uint32_t>(link->ifi_index));
		}
	}
}

void LinkWatch::read()
{
	const Napi::HandleScope scope(env_);
	try {
		std::vector<uint32_t> gone;
		if (!drain(gone))
			return;
		const Napi::Array indexes = Napi::Array::New(env_, gone.size());
		for (uint32_t i = 0; i < gone.size(); i++)
			indexes.Set(i, gone[i]);
		on_change_.MakeCallback(env_.Global(), {indexes});
	} catch (const Napi::Error &error) {
		// As if a timer had thrown it.
		napi_fatal_exception(env_, error.Value());
	}
}

} // namespace weir
