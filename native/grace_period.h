// SPDX-License-Identifier: Apache-2.0
// Waits until every BPF program that was running has ended.
#pragma once

namespace weir
{

// Tens of milliseconds: keep it off the event loop. Throws Failure.
void wait_for_running_programs();

} // namespace weir
