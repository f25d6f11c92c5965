// SPDX-License-Identifier: Apache-2.0
// See network_namespace.h.

#include "network_namespace.h"

#include <exception>
#include <thread>

#include <fcntl.h>
#include <sched.h>

#include "failure.h"

namespace test_support
{

namespace
{

void enter(const std::string &path)
{
	const Descriptor space(checked(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));
	checked(setns(space.get(), CLONE_NEWNET), "setns " + path);
}

} // namespace

void enter_network_namespace(const std::string &name)
{
	enter("/run/netns/" + name);
}

void leave_network_namespace()
{
	enter("/proc/self/ns/net");
}

void enter_new_network_namespace()
{
	checked(unshare(CLONE_NEWNET), "unshare");
}

void run_in_network_namespace(const std::string &name, const std::function<void()> &action)
{
	if (name.empty()) {
		action();
		return;
	}
	// A thread of its own, so that the caller's never has to find its way back.
	std::exception_ptr failure;
	std::thread visitor([&] {
		try {
			enter_network_namespace(name);
			action();
		} catch (...) {
			failure = std::current_exception();
		}
	});
	visitor.join();
	if (failure)
		std::rethrow_exception(failure);
}

} // namespace test_support
