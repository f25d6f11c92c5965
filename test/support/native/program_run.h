// SPDX-License-Identifier: Apache-2.0
// Runs a BPF program over one packet many times (BPF_PROG_TEST_RUN), on several CPUs at once.
#pragma once

#include <napi.h>

namespace test_support
{

// progTestRun({programId, packet, repeat, threads, ifindex, ingressIfindex, gsoSize, gsoSegs})
//   -> Promise of one {durationNs, cpuNs, retval} for each thread
Napi::Value program_test_run(const Napi::CallbackInfo &info);

} // namespace test_support
