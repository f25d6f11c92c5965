// SPDX-License-Identifier: Apache-2.0
// What libbpf says during a call, kept for the error instead of written to standard error.
#pragma once

#include <mutex>
#include <string>

#include <bpf/libbpf.h>

namespace weir
{

// libbpf has one print callback for the process, and this addon may be unloaded before libbpf is: calls that want its
// text take turns, and each puts back what was there.
class LibbpfLog
{
      public:
	// Appends to `log` what is said on this thread.
	explicit LibbpfLog(std::string &log);
	~LibbpfLog();
	LibbpfLog(const LibbpfLog &) = delete;
	LibbpfLog &operator=(const LibbpfLog &) = delete;

      private:
	const std::lock_guard<std::mutex> guard_;
	const libbpf_print_fn_t previous_;
};

} // namespace weir
