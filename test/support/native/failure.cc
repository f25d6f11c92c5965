// SPDX-License-Identifier: Apache-2.0
// See failure.h.

#include "failure.h"

#include <cerrno>
#include <system_error>

namespace test_support
{

void fail(const std::string &call, int error)
{
	throw std::system_error(error, std::generic_category(), call);
}

void fail(const std::string &call)
{
	fail(call, errno);
}

int checked(int result, const std::string &call)
{
	if (result < 0)
		fail(call);
	return result;
}

} // namespace test_support
