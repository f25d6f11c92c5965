// SPDX-License-Identifier: Apache-2.0
#include "libbpf_log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace weir
{

namespace
{

std::mutex log_mutex;
// Where libbpf's text of this thread goes.
thread_local std::string *current_log = nullptr;

// libbpf is C: nothing may be thrown through it.
int keep_log(libbpf_print_level level, const char *format, va_list arguments) noexcept
{
	if (level == LIBBPF_DEBUG || current_log == nullptr)
		return 0;
	char *text = nullptr;
	const int length = ::vasprintf(&text, format, arguments);
	if (length < 0)
		return 0;
	try {
		current_log->append(text, static_cast<size_t>(length));
	} catch (const std::bad_alloc &) {
		current_log = nullptr; // the text ends here
	}
	std::free(text);
	return 0;
}

} // namespace

LibbpfLog::LibbpfLog(std::string &log) : guard_(log_mutex), previous_(libbpf_set_print(keep_log))
{
	current_log = &log;
}

LibbpfLog::~LibbpfLog()
{
	current_log = nullptr;
	libbpf_set_print(previous_);
}

} // namespace weir
