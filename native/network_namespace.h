// SPDX-License-Identifier: Apache-2.0
// Work in another network namespace, by a thread of its own: the caller's never has to find its way back, and nothing
// of the namespace stays open, so that it can go when its owner removes it.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "file_descriptor.h"

namespace weir
{

struct NetworkNamespace {
	std::string path;  // a file of nsfs, such as /run/netns/blue
	uint64_t inode;	   // tells whether the path still is this namespace
	uint32_t base = 0; // what is added to its interface indexes
};

// Throws Failure: ESTALE when the path is another namespace by now or none.
FileDescriptor open_namespace(const NetworkNamespace &space);

// Moves the calling thread. Throws Failure: EPERM without CAP_SYS_ADMIN.
void enter_namespace(const NetworkNamespace &space);

// Runs an action there, or right here for none, and returns when it is done; what it throws comes out here.
template <typename Action>
auto in_namespace(const std::optional<NetworkNamespace> &space, Action action) -> decltype(action())
{
	if (!space)
		return action();
	std::optional<decltype(action())> result;
	std::exception_ptr failure;
	std::thread visitor([&] {
		try {
			enter_namespace(*space);
			result.emplace(action());
		} catch (...) {
			failure = std::current_exception();
		}
	});
	visitor.join();
	if (failure)
		std::rethrow_exception(failure);
	return *std::move(result);
}

// The ids that the calling thread's namespace has for others (what IFLA_LINK_NETNSID means), in their order; -1 where
// it has none, or where the other one is gone. Throws Failure.
std::vector<int32_t> namespace_ids(const std::vector<NetworkNamespace> &others);

} // namespace weir
