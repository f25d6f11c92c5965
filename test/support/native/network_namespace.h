// SPDX-License-Identifier: Apache-2.0
// Moves threads between network namespaces. A namespace belongs to a thread, not to the process.
#pragma once

#include <functional>
#include <string>

namespace test_support
{

// The calling thread, and what it starts from now on, lives in the namespace /run/netns/NAME.
void enter_network_namespace(const std::string &name);

// The same with a namespace that nobody else has; its loopback is down.
void enter_new_network_namespace();
// Back to that of the process's main thread.
void leave_network_namespace();

// Runs the action in the namespace, or right here when the name is empty, and comes back when it is done.
void run_in_network_namespace(const std::string &name, const std::function<void()> &action);

} // namespace test_support
