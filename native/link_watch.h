// SPDX-License-Identifier: Apache-2.0
// Tells JavaScript when a network interface of this network namespace came, went or changed. The kernel's messages are
// read on the event loop and say only that something happened: what there is now is asked anew (netlink.h), so that a
// message that was lost costs nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <node_api.h>
#include <uv.h>

#include "file_descriptor.h"
#include "javascript.h"
#include "network_namespace.h"

namespace weir
{

class LinkWatch : public std::enable_shared_from_this<LinkWatch>
{
      public:
	// watchInterfaces(onChange(gone), namespace?) -> close(). Does not keep the process alive.
	static Napi::Value start(const Napi::CallbackInfo &info);

      private:
	explicit LinkWatch(Napi::Env env) : env_(env) {}
	void begin(const Napi::Function &on_change, const std::optional<NetworkNamespace> &place);
	void close();
	void read();
	bool drain(std::vector<uint32_t> &gone) const;

	Napi::Env env_;
	FileDescriptor socket_;
	uv_poll_t poll_ = {};
	Napi::FunctionReference on_change_;
	napi_async_cleanup_hook_handle cleanup_ = nullptr;
	std::shared_ptr<LinkWatch> self_; // until libuv has given the handle back
};

} // namespace weir
